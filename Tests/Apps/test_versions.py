"""An app runs with flwr from 1.21, the first with today's API, to the newest. `FLWR_VERSIONS` names interpreters: version=path, by commas."""

import os
import subprocess

import numpy as np
import pytest
from conftest import DATA, HERE, sandbox

PYTHONS = dict(pair.split("=", 1) for pair in os.environ.get("FLWR_VERSIONS", "").split(",") if pair)


@pytest.fixture(scope="module")
def newest(tmp_path_factory):
    return {name: sandbox(HERE / name, DATA / data, tmp_path_factory.mktemp(name)) for name, data in APPS.items()}


APPS = {"quickstart-numpy": "diabetes", "stateful": "breast-cancer", "old-api": "breast-cancer"}


def test_there_are_versions_to_try():
    assert len(PYTHONS) >= 3, "FLWR_VERSIONS must name Pythons with the oldest flwr and two in between"


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("version", PYTHONS)
def test_an_app_gives_the_same_with_every_flwr(version, app, newest, folder):
    found = subprocess.run([PYTHONS[version], "-P", "-c", "import flwr; print(flwr.__version__)"], capture_output=True, text=True).stdout
    assert found.startswith(version + "."), found
    run = sandbox(HERE / app, DATA / APPS[app], folder / "output", {}, PYTHONS[version])
    assert run.code == 0, run.text[-2000:]
    expected = newest[app]
    assert expected.code == 0, expected.text[-2000:]
    assert run.result["failures"] == []
    assert list(run.arrays) == list(expected.arrays)
    for name, array in expected.arrays.items():
        assert np.array_equal(run.arrays[name], array)
    strip = lambda rows: [{key: value for key, value in row.items() if key != "seconds"} for row in rows]  # noqa: E731
    assert strip(run.result["rounds"]) == strip(expected.result["rounds"])
