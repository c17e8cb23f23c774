"""The benches that the tests share: one plain, one encrypted, each started once."""
import atexit
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/Integration/bench"))
# compat reads it on import, in this process for the client's sake.
os.environ["BENCH_FOLDER"] = tempfile.mkdtemp(prefix="v6-flower-bench-client-")
atexit.register(shutil.rmtree, os.environ["BENCH_FOLDER"], ignore_errors=True)

import compat  # noqa: E402

compat.prepare()

from bench import Bench  # noqa: E402

PROGRAM = ROOT / ".build/release/v6-flower"
TABLES = dict(zip(Bench.NODES, ("amsterdam", "maastricht", "utrecht")))


def databases(node):
    data = ROOT / "examples/data"
    found = {"default": data / "breast-cancer" / f"{TABLES[node]}.csv", "digits": data / "digits" / f"{TABLES[node]}.csv"}
    found["mixed"] = found["default"] if node != "gamma" else data / "diabetes" / f"{TABLES[node]}.csv"
    if node != "gamma":
        found["partly"] = data / "diabetes" / f"{TABLES[node]}.csv"
    return found


def start(**options):
    assert os.geteuid() == 0, "the bench mounts files for its containers and needs root"
    assert PROGRAM.exists(), f"{PROGRAM} is not built: run scripts/build v6-flower"
    return Bench({node: databases(node) for node in Bench.NODES}, **options)


@pytest.fixture(scope="session")
def plain():
    # Gamma's administrator has rules.
    rules = {"policies": {"require_algorithm_pull": False, "allowed_algorithms": ["v6-flower.*"]},
             "algorithm_env": {"V6_FLOWER_ALLOWED_STRATEGIES": "FedAvg,FedProx,FedAvgM,FedAdam,FedYogi"}}
    with start(node_config={"gamma": rules}) as bench:
        bench.image("v6-flower", [PROGRAM])
        yield bench


@pytest.fixture(scope="session")
def encrypted():
    with start(encrypted=True) as bench:
        bench.image("v6-flower", [PROGRAM])
        yield bench


@pytest.fixture
def sandbox(tmp_path):
    """Runs central in the sandbox on one of the example tables; gives its result."""
    def run(data, kwargs):
        subprocess.run([PROGRAM.with_name("v6-flower-sandbox"), "run", "--data", ROOT / "examples/data" / data, "--kwargs", json.dumps(kwargs),
                        "--output", tmp_path, "--no-comparison", "--env", "V6_FLOWER_MAX_PARAMETERS_PER_ROW=3",
                        "--env", "V6_FLOWER_MIN_LEVEL_ROWS=2"], check=True, capture_output=True)
        return json.loads((tmp_path / "result.json").read_text())
    return run
