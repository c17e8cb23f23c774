"""vantage6 5.0: HQ, nodes and user client. Stand-ins: Keycloak and the Kubernetes cluster."""
