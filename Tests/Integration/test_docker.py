"""The image that the Dockerfile makes, in real containers of the real node: what a container adds."""
import re
import sys
import tarfile

import pytest
from bench.processes import NOBODY, rights, wait_for
from conftest import ROOT, start
from bench.engine import Engine
# Collected here too, where `plain` is a bench of containers: mounts, networks and logs are others.
from test_training import (  # noqa: F401
    LOGISTIC, test_another_database_by_its_label, test_plain_and_encrypted_collaborations_give_the_same_bytes,
    test_progress_lines_appear_while_it_runs, test_two_users_at_once)

pytestmark = pytest.mark.generation(4)
IMAGE = "v6-flower"


@pytest.fixture(scope="module")
def engine():
    with Engine() as engine:
        if engine.problem:
            print(f"\n!!! THE IMAGE IS NOT TESTED: {engine.problem}", file=sys.__stderr__, flush=True)
            pytest.skip(engine.problem)
        engine.build(IMAGE)
        yield engine


@pytest.fixture(scope="module")
def plain(engine):
    with start(engine=engine) as bench:
        yield bench


def test_size_and_files(engine, capsys):
    size = int(engine.docker("image", "inspect", "--format", "{{.Size}}", IMAGE))
    name = engine.docker("create", IMAGE).strip()
    exported = engine.folder / "image.tar"
    engine.docker("export", "--output", exported, name)
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


def test_it_is_nobody_while_it_works(plain, engine):
    task = plain.task(IMAGE, {**LOGISTIC, "num_rounds": 5})
    wait_for("a round", lambda: len(plain.subtasks(task)) >= 2)
    containers = engine.docker("ps", "--quiet").split()
    pid = engine.docker("inspect", "--format", "{{.State.Pid}}", containers[-1]).strip()
    assert rights(pid) == NOBODY
    assert plain.wait(task) == "completed"


def test_a_killed_container_of_central_is_resumed(plain):
    task = plain.task(IMAGE, {**LOGISTIC, "num_rounds": 4})
    wait_for("the second round", lambda: len(plain.subtasks(task)) >= 3)
    plain.client.task.kill(task)
    assert plain.wait(task) == "killed by user"
    status, result, log = plain.run(IMAGE, {"resume": task})
    assert status == "completed", log
    assert len(result["rounds"]) == 4


def test_the_build_stage_gets_every_target_of_the_package():
    """The first stage is not built here, so what it is given is looked at."""
    given = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    targets = set(re.findall(r'path: "([^"]+)"', (ROOT / "Package.swift").read_text()))
    # Tests come as a whole.
    targets = {path for path in targets if not path.startswith("Tests/")}
    assert {"Package.swift", "Sources", "Tests", "scripts", *targets} <= given
