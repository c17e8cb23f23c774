"""The image of a Flower app: the Dockerfile's Python target, and the app's own two lines upon it, in real containers of the real node."""
import shutil
import subprocess
import sys

import pytest
from bench.processes import NOBODY, rights, wait_for
from conftest import PROGRAM, ROOT, start
from bench.engine import Engine
from test_apps import python

pytestmark = pytest.mark.generation(4)
IMAGE = "registry.example.org/stateful:1"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with Engine() as engine:
        if engine.problem:
            print(f"\n!!! THE PYTHON IMAGE IS NOT TESTED: {engine.problem}", file=sys.__stderr__, flush=True)
            pytest.skip(engine.problem)
        base = engine.python_base(["flwr==1.42.0", "flwr-datasets==0.6.1"])
        engine.build("v6-flower-python", "--target", "python", "--build-arg", f"PYTHON={base}")
        app = tmp_path_factory.mktemp("app") / "stateful"
        shutil.copytree(ROOT / "Tests/Apps/stateful", app)
        subprocess.run([PROGRAM, "package", app, "--image", IMAGE, "--base", "v6-flower-python", "--python", python()], check=True, capture_output=True)
        engine.docker("build", "--tag", IMAGE, app)
        yield engine


def test_sizes(engine, capsys):
    sizes = {name: int(engine.docker("image", "inspect", "--format", "{{.Size}}", name)) / 1e6 for name in ("local/python:bench", "v6-flower-python", IMAGE)}
    with capsys.disabled():
        print("\nPython base with flwr and flwr-datasets {:.0f} MB, v6-flower-python {:.0f} MB, an app {:.0f} MB".format(*sizes.values()))
    assert sizes["v6-flower-python"] - sizes["local/python:bench"] < 110, "what is ours"
    assert sizes[IMAGE] - sizes["v6-flower-python"] < 1


def test_an_app_trains_in_containers_and_is_nobody_there(engine):
    with start(engine=engine) as bench:
        task = bench.task(IMAGE, {"num-server-rounds": 2})
        wait_for("a round", lambda: len(bench.subtasks(task)) >= 1)
        container = engine.docker("ps", "--quiet").split()[-1]
        processes = engine.docker("top", container, "-o", "pid").split()[1:]
        wait_for("rights given up", lambda: all(rights(pid) == NOBODY for pid in processes))
        status, result, log = bench.outcome(task)
        assert status == "completed", log
        assert [row["seen"] for row in result["rounds"]] == [1, 2], "what the nodes remember lies in their volumes"
        assert result["failures"] == []
