"""The benches that the tests share: one plain, one encrypted, each started once. Of the version of vantage6 that is installed."""
import atexit
import importlib.metadata
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATION = int(importlib.metadata.version("vantage6").split(".")[0])
# The bench reads it on import, in this process for the client's sake.
os.environ["BENCH_FOLDER"] = tempfile.mkdtemp(prefix="v6-flower-bench-client-")
atexit.register(shutil.rmtree, os.environ["BENCH_FOLDER"], ignore_errors=True)

if GENERATION == 4:
    from bench.v4.bench import Bench
else:
    from bench.v5.bench import Bench

PROGRAM = ROOT / ".build/release/v6-flower"
TABLES = dict(zip(Bench.NODES, ("amsterdam", "maastricht", "utrecht")))


def databases(node):
    data = ROOT / "examples/data"
    found = {"default": data / "breast-cancer" / f"{TABLES[node]}.csv", "digits": data / "digits" / f"{TABLES[node]}.csv"}
    found["mixed"] = found["default"] if node != "gamma" else data / "diabetes" / f"{TABLES[node]}.csv"
    if node != "gamma":
        found["partly"] = data / "diabetes" / f"{TABLES[node]}.csv"
    return found


def pytest_configure(config):
    config.addinivalue_line("markers", "generation(number): a test of what only this generation of vantage6 has")


def pytest_collection_modifyitems(config, items):
    others = [item for item in items if any(mark.args != (GENERATION,) for mark in item.iter_markers("generation"))]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


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
