"""A server with a large result store: inputs and results are blobs in it, which tasks name by their UUIDs."""
import uuid

import pytest
from bench.processes import wait_for
from conftest import PROGRAM, start
from test_apps import image, in_sandbox, told
from test_training import LOGISTIC, model

pytestmark = pytest.mark.generation(4)


@pytest.fixture(scope="module", params=["plain", "encrypted"])
def stored(request):
    with start(encrypted=request.param == "encrypted", store=True) as bench:
        bench.image("v6-flower", [PROGRAM])
        yield bench


def test_the_same_bytes_as_without(stored, plain):
    status, expected, log = plain.run("v6-flower", LOGISTIC)
    assert status == "completed", log
    task = stored.task("v6-flower", LOGISTIC)
    status, result, log = stored.outcome(task)
    assert status == "completed", log
    assert result["failures"] == [] and model(result) == model(expected)
    # No payload of a subtask is in the server's database, and no two runs share a blob, so that each can be deleted with its own.
    runs = [row for subtask in stored.subtasks(task) for row in stored.client.request("run", params={"task_id": subtask["id"]})["data"]]
    names = [row["input"] for row in runs]
    names += [row["result"] for subtask in stored.subtasks(task) for row in stored.client.request("result", params={"task_id": subtask["id"]})["data"]]
    assert len(set(map(uuid.UUID, names))) == len(names) == 2 * len(runs)
    blobs = [(stored.blobs / name).read_bytes() for name in names]
    assert all(blob[:4] == b"VjZG" if not stored.encrypted else blob[:1024].count(b"$") >= 2 for blob in blobs)
    stored.client.task.delete(task)
    assert not any((stored.blobs / name).exists() for name in names)


def test_resume(stored):
    kwargs = {**LOGISTIC, "num_rounds": 4}
    status, expected, log = stored.run("v6-flower", kwargs)
    assert status == "completed", log
    task = stored.task("v6-flower", kwargs)
    wait_for("the second round", lambda: len(stored.subtasks(task)) >= 3)
    stored.client.task.kill(task)
    assert stored.wait(task) == "killed by user"
    status, result, log = stored.run("v6-flower", {"resume": task})
    assert status == "completed", log
    assert model(result) == model(expected)


def test_a_flower_app_in_python(stored, tmp_path):
    status, result, log = stored.run(image(stored, "sklearn-logreg"), {"num-server-rounds": 2})
    assert status == "completed", log
    expected = in_sandbox("sklearn-logreg", {"num-server-rounds": 2}, tmp_path)
    assert result["model"] == expected["model"] and told(result) == told(expected)
