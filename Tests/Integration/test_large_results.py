"""A server with a large result store: inputs and results are blobs in it, which tasks name by their UUIDs."""
import uuid

import pytest
from bench.processes import wait_for
from conftest import PROGRAM, start
from test_apps import image, in_sandbox, told
from test_training import LOGISTIC, model

pytestmark = pytest.mark.generation(4)


def with_store(encrypted):
    with start(encrypted=encrypted, store=True) as bench:
        bench.image("v6-flower", [PROGRAM])
        yield bench


@pytest.fixture(scope="module")
def plain_store():
    yield from with_store(False)


@pytest.fixture(scope="module")
def encrypted_store():
    yield from with_store(True)


@pytest.fixture(scope="module")
def expected(plain):
    """The model that comes without a store."""
    status, result, log = plain.run("v6-flower", LOGISTIC)
    assert status == "completed", log
    return model(result)


def blobs(bench, subtask):
    """The names of all blobs of a task, which its runs do not share: a server deletes each run's with the run."""
    rows = lambda path: bench.client.request(path, params={"task_id": subtask["id"]})["data"]  # noqa: E731
    names = [row["input"] for row in rows("run")] + [row["result"] for row in rows("result")]
    assert len(set(map(uuid.UUID, names))) == len(names) == 2 * len(rows("run"))
    return [bench.blobs / name for name in names]


def check(bench, expected):
    # Central's first download breaks off.
    (bench.blobs / "break").touch()
    task = bench.task("v6-flower", LOGISTIC)
    status, result, log = bench.outcome(task)
    assert status == "completed", log
    assert result["failures"] == [] and model(result) == expected
    assert not (bench.blobs / "break").exists()
    found = {subtask["id"]: blobs(bench, subtask) for subtask in bench.subtasks(task)}
    assert len(found) >= 4
    return found


def test_plain(plain_store, expected):
    found = check(plain_store, expected)
    # vantage6 writes base64 there: of frames, that is of V6FLOWER.
    assert all(path.read_bytes()[:10] == b"VjZGTE9XRV" for paths in found.values() for path in paths)
    subtask, paths = found.popitem()
    plain_store.client.task.delete(subtask)
    assert not any(path.exists() for path in paths)


def test_encrypted(encrypted_store, expected):
    found = check(encrypted_store, expected)
    for path in (path for paths in found.values() for path in paths):
        key, vector, message = path.read_bytes().split(b"$", 2)
        assert (len(key), len(vector)) == (684, 24) and b"V6FLOWER" not in message


def test_resume(encrypted_store, expected):
    task = encrypted_store.task("v6-flower", LOGISTIC)
    wait_for("the second round", lambda: len(encrypted_store.subtasks(task)) >= 3)
    encrypted_store.client.task.kill(task)
    assert encrypted_store.wait(task) == "killed by user"
    status, result, log = encrypted_store.run("v6-flower", {"resume": task})
    assert status == "completed", log
    assert model(result) == expected


def test_a_flower_app_in_python(encrypted_store, tmp_path):
    status, result, log = encrypted_store.run(image(encrypted_store, "sklearn-logreg"), {"num-server-rounds": 1})
    assert status == "completed", log
    expected = in_sandbox("sklearn-logreg", {"num-server-rounds": 1}, tmp_path)
    assert result["model"] == expected["model"] and told(result) == told(expected)
