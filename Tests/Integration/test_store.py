"""The algorithm store: what we register is taken, reviewed, approved, found again, and started from."""
import json

import pytest
from conftest import ROOT

pytestmark = pytest.mark.generation(4)
DESCRIPTION = json.loads((ROOT / "algorithm.json").read_text())


def from_store(client, path, method="get", **more):
    """A request to the store, as the UI makes it."""
    return client.request(path, method=method, is_for_algorithm_store=True, headers={"Server-Url": client.base_path}, **more)


def linked_store(bench, client):
    """The id of the bench's store at its server, linked to the collaboration by whoever asks first."""
    known = client.request("algorithmstore")["data"]
    if known:
        return known[0]["id"]
    # The client's own call sends the collaboration as a list, which the server of the same version refuses.
    linked = client.request("algorithmstore", method="post", json={
        "algorithm_store_url": f"{bench.store_url}/api", "name": "bench", "collaboration_id": bench.collaboration, "force": True,
        "server_url": client.base_path})
    assert "id" in linked, linked
    return linked["id"]


@pytest.fixture(scope="module")
def approved(plain):
    """Our algorithm, submitted and approved by the store's root user."""
    # One of its own: a client that has chosen a store asks it for every image.
    client = plain.login("user-alpha")
    store = linked_store(plain, client)
    client.store.set(store)
    submitted = from_store(client, "algorithm", "post", json=DESCRIPTION)
    assert "id" in submitted, submitted
    me = next(user for user in from_store(client, "user")["data"] if user["username"] == "user-alpha")
    review = from_store(client, "review", "post", json={"algorithm_id": submitted["id"], "reviewer_id": me["id"]})
    from_store(client, f"review/{review['id']}/approve", "post", json={"comment": "read it"})
    algorithm = from_store(client, f"algorithm/{submitted['id']}")
    assert algorithm["status"] == "approved", algorithm
    return store, algorithm


def test_the_store_gives_back_what_was_submitted(approved):
    _, algorithm = approved
    for key in ("name", "description", "partitioning", "vantage6_version", "code_url", "documentation_url"):
        assert algorithm[key] == DESCRIPTION[key], key
    assert [f["name"] for f in algorithm["functions"]] == ["central", "partial"]
    for found, given in zip(algorithm["functions"], DESCRIPTION["functions"]):
        for key in ("display_name", "description", "type", "standalone"):
            assert found[key] == given[key], key
        assert [d["name"] for d in found["databases"]] == [d["name"] for d in given["databases"]]
        arguments = {argument["name"]: argument for argument in found["arguments"]}
        assert list(arguments) == [argument["name"] for argument in given["arguments"]]
        for argument in given["arguments"]:
            stored = arguments[argument["name"]]
            for key in ("display_name", "description", "type", "has_default_value", "default_value", "conditional_operator", "conditional_value"):
                assert stored[key] == argument.get(key), (argument["name"], key)
            assert [value["value"] for value in stored["allowed_values"]] == argument.get("allowed_values", []), argument["name"]
            condition = arguments[argument["conditional_on"]]["id"] if "conditional_on" in argument else None
            assert stored["conditional_on_id"] == condition, argument["name"]
        assert [(v["name"], v["type"], v["schema"]) for v in found["ui_visualizations"]] == [(v["name"], v["type"], v["schema"]) for v in given["ui_visualizations"]]


def test_a_task_is_started_with_the_stores_id(plain, approved):
    store, algorithm = approved
    image = f"{algorithm['image']}@{algorithm['digest']}"
    plain.image(algorithm["image"], plain.images["v6-flower"]["argv"])
    status, result, log = plain.run(image, {"model": "logistic", "target": "diagnosis", "num_rounds": 1}, store=store)
    assert status == "completed", log
    assert len(result["participants"]) == 2, "gamma's rule allows images by another name only"
    assert all("@sha256:" in row["image"] for row in plain.client.task.list(name="prepare%")["data"] if row["algorithm_store"])
