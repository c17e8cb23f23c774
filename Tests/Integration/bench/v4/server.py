"""The real vantage6 server: server.py CONFIG HOST PORT [FIXTURE]: with what a new one begins with."""
from gevent import monkey
monkey.patch_all()  # as vantage6.server does on import, but before ssl is loaded

import sys  # noqa: E402

from . import compat  # noqa: E402

compat.prepare()

import yaml  # noqa: E402
from vantage6.server import run_dev_server, run_server  # noqa: E402
from vantage6.server.controller import fixture  # noqa: E402

from . import blobs  # noqa: E402

blobs.install()

config, host, port, *entities = sys.argv[1:]
app = run_server(config, system_folders=False)
for path in entities:
    with open(path) as file:
        fixture.load(yaml.safe_load(file))
run_dev_server(app, host=host, port=int(port))
