"""A vantage6 network on loopback for tests: the real server, nodes and user client, of version 4.15 or of version 5.0."""
