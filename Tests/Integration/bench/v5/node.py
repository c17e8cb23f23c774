"""The real vantage6 node: node CONFIG NAME. Its pods are processes. SIGUSR1 evicts them."""
import os
import signal
import sys
import time

from . import cluster

cluster.install()
config, name = sys.argv[1:]


def end(*_):
    cluster.end()
    os._exit(0)


signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGUSR1, lambda *_: cluster.evict())

import vantage6.node as node  # noqa: E402
from vantage6.cli.context import NodeContext  # noqa: E402

# The node binds its proxy to all interfaces; the bench keeps it where only its pods are.
bind = node.WSGIServer
node.WSGIServer = lambda address, *a, **k: bind(("127.0.0.1", address[1]), *a, **k)
node.run(NodeContext(name, False, config, in_container=True))
while True:
    time.sleep(60)
