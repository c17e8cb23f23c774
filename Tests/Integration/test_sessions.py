"""What only vantage6 5.0 has: sessions with their dataframes, actions, and pods that a cluster starts and ends."""
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import requests
from bench.processes import wait_for
from conftest import PROGRAM, ROOT

pytestmark = pytest.mark.generation(5)
LOGISTIC = {"model": "logistic", "target": "diagnosis", "num_rounds": 2}


def test_the_readmes_python(plain):
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    for old, new in {"https://vantage6.example.org/hq": plain.url, "https://auth.example.org": plain.auth_url,
                     "setup_collaboration(1)": f"setup_collaboration({plain.collaboration})", "organizations=[2]": f"organizations=[{plain.ids['alpha']}]",
                     "REGISTRY/v6-flower": "v6-flower"}.items():
        assert old in code, old
        code = code.replace(old, new)
    # A browser for whoever signs in.
    done = subprocess.run([sys.executable, "-c", code + 'print(result["metrics"])'], env={**os.environ, "BROWSER": "true"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "'auc': 0.9" in done.stdout


def dataframe(bench, name, kwargs, at=("alpha", "beta", "gamma"), method="extract", of=None, label="default"):
    """Makes a dataframe of the databases by a label, or of another one; gives its id, the runs' statuses and their logs."""
    organizations = [bench.client.organization.get(bench.ids[node]) for node in at]
    task = {"image": "v6-flower-extract", "method": method, "organizations": [
        {"id": o["id"], "arguments": bench.client.cryptor.encrypt_bytes_to_str(json.dumps(kwargs).encode(), o["public_key"])} for o in organizations]}
    path = f"session/{bench.session}/dataframe" if of is None else f"session/dataframe/{of}/preprocess"
    body = {"label": label, "name": name, "task": task} if of is None else {"dataframe_id": of, "task": task}
    made = bench.client.request(path, method="post", json=body)
    assert "last_session_task" in made, made
    bench.wait(made["last_session_task"]["id"])
    runs = bench.runs(made["last_session_task"]["id"])
    return made["id"], {run["status"] for run in runs}, "".join(run["log"] or "" for run in runs)


def test_from_a_database_to_a_model_by_way_of_steps(plain):
    table, statuses, log = dataframe(plain, "steps", {"columns": ["mean_radius", "mean_texture", "diagnosis"]})
    assert statuses == {"completed"}, log
    same, statuses, log = dataframe(plain, "steps", {"steps": [
        {"step": "rename", "columns": {"mean_radius": "radius"}}, {"step": "derive", "column": "area", "expression": "3.14 * radius ^ 2"}]},
        method="preprocess", of=table)
    assert statuses == {"completed"} and same == table, log
    plain.dataframes["steps"] = table
    status, result, log = plain.run("v6-flower", LOGISTIC, databases=["steps"])
    assert status == "completed", log
    assert sorted(result["model"]["features"]) == ["area", "mean_texture", "radius"]


def test_an_extraction_that_cannot_be_is_told_in_a_sentence(plain):
    for name, kwargs, words in [
        ("gone", {"columns": ["mean_radius", "colour"]}, "has no column 'colour' that tasks may see"),
        ("typed", {"types": {"diagnosis": "integer"}}, "line 2, column 'diagnosis': not of type integer"),
        ("nobody", {"filter": [{"column": "mean_radius", "is": ">", "value": 1e6}]}, "V6_FLOWER_MIN_ROWS"),
        ("misspelt", {"filtre": []}, "filtre is unknown"),
    ]:
        _, statuses, log = dataframe(plain, name, kwargs, at=["alpha"])
        assert statuses == {"crashed"} and words in log, (statuses, log)


def test_an_evicted_central_goes_on_from_its_journal_to_the_same_bytes(plain):
    kwargs = {**LOGISTIC, "num_rounds": 4, "strategy": "FedAvgM", "strategy_options": {"server_momentum": 0.5}}
    _, whole, log = plain.run("v6-flower", kwargs)
    task = plain.task("v6-flower", kwargs)
    # One that was sent when central ended, and is not in its journal, goes out again.
    wait_for("the second round", lambda: any(row["name"].startswith("round 2") for row in plain.subtasks(task)))
    plain.evict("alpha")
    status, result, log = plain.outcome(task)
    assert status == "completed", log
    assert "an earlier start of this run has left its checkpoint: going on from there" in log
    assert result["model"] == whole["model"]
    names = [row["name"] for row in plain.subtasks(task)]
    assert names.count("prepare 3 organizations") == names.count("round 1 of 4: train at 3 organizations") == 1, names


def test_a_pod_that_is_asked_to_end_ends_at_once(plain):
    """A cluster would wait for half a minute, and longer where an administrator says so."""
    here = lambda: [process for process in plain.leftovers() if pathlib.Path(f"/proc/{process}/comm").read_text() == "v6-flower\n"]  # noqa: E731
    wait_for("the end of others", lambda: not here())
    task = plain.task("v6-flower", {**LOGISTIC, "num_rounds": 20})
    wait_for("training", lambda: len(plain.subtasks(task)) >= 2)
    assert here()
    plain.client.task.kill(task)
    wait_for("the end of its processes", lambda: not here(), 10)
    assert plain.wait(task) == "killed by user"


def test_a_run_that_its_node_has_lost_is_asked_for_again(plain):
    """5.0.3 never hears of a run that ends at a node within a second of another: it is as one that hangs."""
    image = plain.image("v6-flower-hangs-once", [PROGRAM], beta=[sys.executable, ROOT / "Tests/Integration/images/misbehave.py", PROGRAM, "hangs once"])
    task = plain.task(image, {**LOGISTIC, "num_rounds": 1})
    status, result, log = plain.outcome(task)
    assert status == "completed", log
    assert "asking again: beta" in log
    assert result["failures"] == [] and [row["participants"] for row in result["rounds"]] == [3]
    for row in plain.subtasks(task):
        plain.client.task.kill(row["id"])


def test_a_dataframe_that_only_some_organizations_have(plain):
    kwargs = {"model": "linear", "target": "progression", "learning_rate": 0.02, "num_rounds": 1}
    present = [plain.ids["alpha"], plain.ids["beta"]]
    status, result, log = plain.run("v6-flower", {**kwargs, "organizations": present}, databases=["partly"])
    assert status == "completed", log
    assert [p["name"] for p in result["participants"]] == ["alpha", "beta"] and result["failures"] == []


def test_a_method_by_an_action_that_it_does_not_fit(plain):
    status, _, log = plain.run("v6-flower", LOGISTIC, action="federated_compute")
    assert status == "crashed" and "start it with the action central_compute" in log
    status, _, log = plain.run("v6-flower", {}, method="partial", action="central_compute")
    assert status == "crashed" and "start it with the action federated_compute" in log


def test_a_task_without_a_dataframe(plain):
    status, _, log = plain.run("v6-flower", LOGISTIC, databases=[])
    assert status == "crashed" and "choose one, or a dataframe, when the task is created" in log


def test_the_session_of_a_task_holds_what_resumes_it_and_no_other(plain):
    """Another session's tasks are of other folders."""
    task = plain.task("v6-flower", {**LOGISTIC, "num_rounds": 4})
    wait_for("the second subtask", lambda: len(plain.subtasks(task)) >= 3)
    plain.client.task.kill(task)
    assert plain.wait(task) == "killed by user"
    session = plain.client.session.create(collaboration=plain.collaboration, scope="collaboration", name="another")["id"]
    elsewhere = plain.client.task.create(
        organizations=[plain.ids["alpha"]], name="test", description="", image="v6-flower", session=session, collaboration=plain.collaboration,
        method="central", action="central_compute", arguments={"resume": task})["id"]
    assert plain.wait(elsewhere) == "crashed"
    assert "another task goes on from it at the node where it ran, and in its session" in plain.log(elsewhere)


def test_a_dataframe_that_is_changed_while_a_run_works_on_it_ends_the_run(plain):
    table, statuses, log = dataframe(plain, "changing", {})
    assert statuses == {"completed"}, log
    plain.dataframes["changing"] = table
    # Of two runs that end at a node in the same second 5.0.3 loses one: at beta there is no other.
    others = [plain.ids["alpha"], plain.ids["gamma"]]
    task = plain.task("v6-flower", {**LOGISTIC, "num_rounds": 20, "organizations": others}, databases=["changing"])
    wait_for("training", lambda: len(plain.subtasks(task)) >= 2)
    dataframe(plain, "changing", {"steps": [{"step": "drop", "columns": ["mean_radius"]}]}, at=["beta"], method="preprocess", of=table)
    assert plain.wait(task) == "crashed"
    assert "has changed the dataframe on which this run works" in plain.log(task)


def test_the_store_gives_back_what_was_submitted(plain):
    given = json.loads((ROOT / "algorithm-5.json").read_text())
    url, headers = plain.start_store(), {"Authorization": f"Bearer {plain.client.token}"}
    submitted = requests.post(f"{url}/algorithm", json=given, headers=headers)
    assert submitted.status_code == 201, submitted.text
    found = requests.get(f"{url}/algorithm/{submitted.json()['id']}", headers=headers).json()
    assert found["status"] == "awaiting reviewer assignment"
    for key in ("name", "description", "partitioning", "vantage6_version", "code_url", "documentation_url"):
        assert found[key] == given[key], key
    assert [f["name"] for f in found["functions"]] == ["central", "partial", "extract", "preprocess"]
    for stored, function in zip(found["functions"], given["functions"]):
        for key in ("display_name", "description", "step_type", "standalone"):
            assert stored[key] == function[key], key
        assert [a["name"] for a in stored["arguments"]] == [a["name"] for a in function["arguments"]]
        for kept, argument in zip(stored["arguments"], function["arguments"]):
            for key in ("display_name", "description", "type", "has_default_value", "default_value", "conditional_value"):
                assert kept[key] == argument.get(key), (argument["name"], key)
