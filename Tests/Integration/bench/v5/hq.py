"""The real vantage6 HQ: hq CONFIG HOST PORT ENTITIES, a JSON file with what a new one begins with."""
import json
import sys
import uuid

from .. import state  # noqa: F401

from vantage6.hq import db, run_hq  # noqa: E402, I001
from vantage6.hq.default_roles import DefaultRole  # noqa: E402

config, host, port, entities = sys.argv[1:]


def begin(encrypted, nodes, users):
    """Organizations by the names of their nodes, each with a user; `nodes` and `users` have the ids that Keycloak knows them by."""
    organizations = {name: db.Organization(name=name, public_key="") for name in nodes}
    collaboration = db.Collaboration(name="bench", encrypted=encrypted, organizations=list(organizations.values()))
    for entity in (*organizations.values(), collaboration):
        entity.save()
    root = db.Role.get_by_name(DefaultRole.ROOT.value)
    for name, organization in organizations.items():
        db.Node(name=name, collaboration=collaboration, organization=organization, keycloak_id=nodes[name], keycloak_client_id=str(uuid.uuid4())).save()
        db.User(username=f"user-{name}", organization=organization, roles=[root], keycloak_id=users[f"user-{name}"]).save()


hq = run_hq(config, system_folders=False)
with hq.app.app_context():
    hq.ensure_db_initialized()
    if not db.Collaboration.get():
        with open(entities) as file:
            begin(**json.load(file))
hq.socketio.run(hq.app, host=host, port=int(port))
