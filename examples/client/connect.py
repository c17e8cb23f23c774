"""Logs in to vantage6 as the environment says: to version 5 where it names where to sign in (V6_AUTH), else to version 4."""
import os

from vantage6.client import UserClient

IMAGE, COLLABORATION, ORGANIZATION = os.environ["V6_IMAGE"], int(os.environ["V6_COLLABORATION"]), int(os.environ["V6_ORGANIZATION"])
AUTH = os.environ.get("V6_AUTH")

if AUTH:
    client = UserClient(hq_url=os.environ["V6_URL"], auth_url=AUTH, log_level="warning")
    client.authenticate()
    client.setup_collaboration(COLLABORATION)
else:
    client = UserClient(os.environ["V6_URL"], int(os.environ["V6_PORT"]), os.environ.get("V6_API", "/api"), log_level="warning")
    client.authenticate(os.environ["V6_USERNAME"], os.environ["V6_PASSWORD"])
if not AUTH or "V6_PRIVATE_KEY" in os.environ:
    client.setup_encryption(os.environ.get("V6_PRIVATE_KEY"))


def start(**kwargs):
    """Starts central with these arguments and gives the task's id."""
    common = {"organizations": [ORGANIZATION], "image": IMAGE, "name": "v6-flower", "description": ""}
    if AUTH:
        task = client.task.create(
            **common, session=int(os.environ["V6_SESSION"]), databases=[{"dataframe_id": int(os.environ["V6_DATAFRAME"])}],
            method="central", action="central_compute", arguments=kwargs)
    else:
        task = client.task.create(
            **common, collaboration=COLLABORATION, databases=[{"label": "default"}], input_={"method": "central", "kwargs": kwargs})
    if "id" not in task:
        raise SystemExit(f"the server refused the task: {task.get('msg')}")
    return task["id"]


def run(task):
    """The run of a task at its one organization."""
    return client.request("run", params={"task_id": task})["data"][0]
