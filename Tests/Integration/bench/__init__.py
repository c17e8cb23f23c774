"""A vantage6 4.15 on loopback for tests: the real server, algorithm store, nodes and user client."""
