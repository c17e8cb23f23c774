"""Existing Flower apps through the real server and nodes. `FLOWER_PYTHON` names the interpreter that has flwr."""
import base64
import json
import os
import subprocess

import pytest
from bench.processes import wait_for
from conftest import PROGRAM, ROOT, databases
from test_store import from_store, linked_store

APPS = ROOT / "Tests/Apps"


def python():
    assert "FLOWER_PYTHON" in os.environ, "FLOWER_PYTHON must name a Python with flwr, flwr-datasets and scikit-learn"
    return os.environ["FLOWER_PYTHON"]


def image(bench, app):
    return bench.image(f"v6-flower-{app}", [PROGRAM, "app", APPS / app, "--python", python()])


def in_sandbox(app, kwargs, output):
    subprocess.run([PROGRAM.with_name("v6-flower-sandbox"), "run", "--app", APPS / app, "--python", python(), "--data", ROOT / "examples/data/breast-cancer",
                    "--kwargs", json.dumps(kwargs), "--output", output], check=True, capture_output=True)
    return json.loads((output / "result.json").read_text())


def told(result):
    """What does not depend on the time."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in result["rounds"]]


def test_scikit_learn_on_flower_datasets(encrypted, tmp_path):
    status, result, log = encrypted.run(image(encrypted, "sklearn-logreg"), {"num-server-rounds": 2})
    assert status == "completed", log
    expected = in_sandbox("sklearn-logreg", {"num-server-rounds": 2}, tmp_path)
    assert result["model"] == expected["model"] and told(result) == told(expected)
    assert [file["name"] for file in result["files"]] == ["logreg_model.pkl"]
    assert base64.b64decode(result["files"][0]["base64"])[:1] == b"\x80", "a pickle"
    assert "Saving final model to disk" in log and "aggregate_train: Received 3 results and 0 failures" in log


def test_what_nodes_remember_outlives_a_kill(encrypted, tmp_path):
    kwargs = {"num-server-rounds": 3, "noise-multiplier": 0.01, "seed": 4}
    task = encrypted.task(image(encrypted, "stateful"), kwargs)
    wait_for("the second round", lambda: len(encrypted.subtasks(task)) >= 4)
    encrypted.client.task.kill(task)
    assert encrypted.wait(task) == "killed by user"
    names = [row["name"] for row in encrypted.subtasks(task)]
    assert names[0] == "round 1: train.local at 3 organizations", names
    status, result, log = encrypted.run("v6-flower-stateful", {"resume": task})
    assert status == "completed", log
    assert [row["seen"] for row in result["rounds"]] == [1, 2, 3]
    # The sandbox numbers organizations otherwise, and what nodes draw derives from that: only the rest is the same.
    expected = in_sandbox("stateful", kwargs, tmp_path)
    for row, wanted in zip(told(result), told(expected)):
        assert {**row, "noise": 0} == {**wanted, "noise": 0}


def test_the_old_api_and_a_node_whose_rule_refuses_apps(plain):
    """Gamma's administrator allows some strategies only, which no app's own code could be held to."""
    task = plain.task(image(plain, "old-api"), {"num-server-rounds": 1})
    status, result, log = plain.outcome(task)
    assert status == "completed", log
    assert {failure["organization"] for failure in result["failures"]} == {plain.ids["gamma"]}
    assert "the run at gamma is 'crashed'" in result["failures"][0]["reason"]
    fan_out = next(row for row in plain.subtasks(task) if row["name"].startswith("round 1: train"))
    logs = {row["organization"]["id"]: row["log"] for row in plain.client.run.from_task(fan_out["id"])["data"]}
    assert "code of its own, which this rule cannot be held against: a rule of this node's administrator (V6_FLOWER_ALLOWED_STRATEGIES)" in logs[plain.ids["gamma"]]
    assert result["metrics"]["accuracy"] > 0.5


def test_queries_by_push_and_pull(encrypted):
    status, result, log = encrypted.run(image(encrypted, "federated-analytics"), {})
    assert status == "completed", log
    assert result["state"]["totals"]["rows"] == result["state"]["totals"]["again"] == 569


@pytest.mark.generation(5)
def test_a_second_dataframe_by_its_name(encrypted):
    status, result, log = encrypted.run(image(encrypted, "two-tables"), {}, databases=["default", "digits"])
    assert status == "completed", log
    lines = lambda label: [databases(node)[label].read_text().splitlines()[1:] for node in encrypted.NODES]  # noqa: E731
    second, counts = lines("digits"), result["state"]["counts"]
    assert counts["first"]["ints"] == [len(table) for table in lines("default")]
    assert counts["second"] == counts["same"] == {"ints": [len(table) for table in second]}
    assert counts["sum"]["floats"] == [sum(float(cell) for row in table for cell in row.split(",")) for table in second]
    assert counts["first-columns"]["ints"] == [31] * 3 and counts["second-columns"]["ints"] == [65] * 3


@pytest.fixture
def packaged(tmp_path):
    """algorithm.json of an app."""
    import shutil
    app = tmp_path / "app"
    shutil.copytree(APPS / "xgboost-bagging", app)
    subprocess.run([PROGRAM, "package", app, "--image", "registry.example.org/xgb:1", "--python", python()], check=True, capture_output=True)
    return json.loads((app / "algorithm.json").read_text())


@pytest.mark.generation(4)
def test_the_store_takes_an_apps_description(plain, packaged):
    client = plain.login("user-alpha")
    client.store.set(linked_store(plain, client))
    submitted = from_store(client, "algorithm", "post", json=packaged)
    assert "id" in submitted, submitted
    # The UI asks its form for a control by the argument's name, in which Angular takes a point for a step into a group.
    assert not any("." in argument["name"] for function in submitted["functions"] for argument in function["arguments"])
    found = {argument["name"]: argument for argument in submitted["functions"][0]["arguments"]}
    assert (found["params/eta"]["type"], found["params/eta"]["default_value"]) == ("float", "0.1")
    assert (found["num-server-rounds"]["type"], found["num-server-rounds"]["default_value"]) == ("integer", "3")
