"""The real vantage6 node: node.py CONFIG NAME. Processes stand for containers, unless DOCKER_HOST names an engine."""
import os
import sys

from . import compat

compat.prepare()

config, name = sys.argv[1:]
if "DOCKER_HOST" not in os.environ:
    from . import containers
    containers.install()

import vantage6.node as node  # noqa: E402
from vantage6.node.cli.node import cli_node  # noqa: E402

# The node binds its proxy to all interfaces; the bench keeps it where only its containers are.
bind = node.WSGIServer
node.WSGIServer = lambda address, *a, **k: bind((os.environ["PROXY_SERVER_HOST"], address[1]), *a, **k)
cli_node(["start", "-c", config, "-n", name, "--user"])
