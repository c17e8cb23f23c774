"""vantage6 4.15: server, algorithm store, nodes and user client. Stand-in: the Docker engine, unless there is a real one."""
