"""The real vantage6 node, with processes for containers: node.py CONFIG NAME."""
import sys

import compat

compat.prepare()

import containers  # noqa: E402

config, name = sys.argv[1:]
containers.install()

import vantage6.node as node  # noqa: E402
from vantage6.node.cli.node import cli_node  # noqa: E402

# The node binds its proxy to all interfaces; the bench keeps it on loopback.
bind = node.WSGIServer
node.WSGIServer = lambda address, *a, **k: bind(("127.0.0.1", address[1]), *a, **k)
cli_node(["start", "-c", config, "-n", name, "--user"])
