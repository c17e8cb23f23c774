"""Logs in to vantage6 as the environment says."""
import os

from vantage6.client import UserClient

client = UserClient(os.environ["V6_URL"], int(os.environ["V6_PORT"]), os.environ.get("V6_API", "/api"), log_level="warning")
client.authenticate(os.environ["V6_USERNAME"], os.environ["V6_PASSWORD"])
client.setup_encryption(os.environ.get("V6_PRIVATE_KEY"))


def start(**kwargs):
    """Starts central with these arguments and gives the task's id."""
    task = client.task.create(
        collaboration=int(os.environ["V6_COLLABORATION"]), organizations=[int(os.environ["V6_ORGANIZATION"])],
        image=os.environ["V6_IMAGE"], name="v6-flower", description="", databases=[{"label": "default"}],
        input_={"method": "central", "kwargs": kwargs})
    if "id" not in task:
        raise SystemExit(f"the server refused the task: {task.get('msg')}")
    return task["id"]
