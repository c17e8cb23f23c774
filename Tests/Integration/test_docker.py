"""The image that the Dockerfile makes, in real containers of the real node."""
import base64
import sys

import pytest
from bench import NOBODY, rights, wait_for
from conftest import start
from engine import Engine

LOGISTIC = {"model": "logistic", "target": "diagnosis", "num_rounds": 3}
IMAGE = "v6-flower:bench"


@pytest.fixture(scope="module")
def engine():
    with Engine() as engine:
        if engine.problem:
            print(f"\n!!! THE IMAGE IS NOT TESTED: {engine.problem}", file=sys.__stderr__, flush=True)
            pytest.skip(engine.problem)
        engine.build(IMAGE)
        yield engine


@pytest.fixture(scope="module")
def bench(engine):
    with start(engine=engine) as bench:
        yield bench


def test_size_and_files(engine, capsys):
    size = int(engine.docker("image", "inspect", "--format", "{{.Size}}", IMAGE))
    name = engine.docker("create", IMAGE).strip()
    exported = engine.folder / "image.tar"
    engine.docker("export", "--output", exported, name)
    import tarfile
    with tarfile.open(exported) as tar:
        files = {member.name: member for member in tar if member.isfile()}
    with capsys.disabled():
        print(f"\nimage: {size / 1e6:.1f} MB uncompressed")
        for path, member in sorted(files.items(), key=lambda item: -item[1].size):
            if member.size:
                print(f"  {member.size / 1e6:8.2f} MB  {path}")
    assert size < 100e6
    assert not [path for path in files if path.rsplit("/", 1)[-1] in ("sh", "bash", "busybox", "python3", "perl")], "no shell"
    labels = engine.docker("image", "inspect", "--format", "{{json .Config.Labels}}", IMAGE)
    assert "org.opencontainers.image.version" in labels


def test_it_describes_itself(engine):
    assert '"name": "central"' in engine.docker("run", "--rm", IMAGE, "describe")


def test_training_in_containers_gives_the_bytes_of_processes(bench, plain):
    status, result, log = bench.run(IMAGE, LOGISTIC)
    assert status == "completed", log
    assert result["failures"] == []
    status, of_processes, _ = plain.run("v6-flower", LOGISTIC)
    assert result["model"] == of_processes["model"]
    assert len(base64.b64decode(result["model"]["safetensors"])) > 100


def test_it_is_nobody_while_it_works(bench, engine):
    task = bench.task(IMAGE, {**LOGISTIC, "num_rounds": 5})
    wait_for("a round", lambda: len(bench.subtasks(task)) >= 2)
    containers = engine.docker("ps", "--quiet").split()
    pid = engine.docker("inspect", "--format", "{{.State.Pid}}", containers[-1]).strip()
    assert rights(pid) == NOBODY
    assert bench.wait(task) == "completed"


def test_a_killed_container_of_central_is_resumed(bench):
    task = bench.task(IMAGE, {**LOGISTIC, "num_rounds": 4})
    wait_for("the second round", lambda: len(bench.subtasks(task)) >= 3)
    bench.client.task.kill(task)
    assert bench.wait(task) == "killed by user"
    status, result, log = bench.run(IMAGE, {"resume": task})
    assert status == "completed", log
    assert len(result["rounds"]) == 4


def test_wrong_arguments(bench):
    task = bench.task(IMAGE, {"model": "logistic", "num_rounds": 0})
    assert bench.wait(task) == "crashed"
    assert "num_rounds must be from 1" in bench.log(task)
