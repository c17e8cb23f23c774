"""The real vantage6 algorithm store: store.py CONFIG HOST PORT."""
from gevent import monkey
monkey.patch_all()

import sys  # noqa: E402

import compat  # noqa: E402

compat.prepare()

from gevent.pywsgi import WSGIServer  # noqa: E402
from vantage6.algorithm.store import run_server  # noqa: E402

config, host, port = sys.argv[1:]
WSGIServer((host, int(port)), run_server(config, system_folders=False).app, log=None).serve_forever()
