"""The real algorithm store of vantage6 5.0: store CONFIG HOST PORT ROOT, the id that Keycloak knows its root user by."""
import sys

from .. import state  # noqa: F401

import vantage6.algorithm.store.algorithm_create as create  # noqa: E402, I001
from vantage6.algorithm.store import db, run_store  # noqa: E402
from vantage6.algorithm.store.default_roles import DefaultRole  # noqa: E402

# The bench has no registry to ask for an image's digest.
create.get_digest = lambda *_, **__: "sha256:" + "0" * 64
config, host, port, root = sys.argv[1:]
store = run_store(config, system_folders=False)
with store.app.app_context():
    store.ensure_db_initialized()
    db.User(username="user-alpha", organization_id=2, roles=[db.Role.get_by_name(DefaultRole.ROOT.value)], keycloak_id=root).save()
store.app.run(host=host, port=int(port), threaded=True)
