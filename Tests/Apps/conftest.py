"""Runs apps in the sandbox and by Flower's own simulation engine."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = ROOT / ".build/release"
DATA = ROOT / "examples/data"


class Run:
    """What a run in the sandbox left."""

    def __init__(self, code: int, text: str, output: pathlib.Path) -> None:
        self.code, self.text, self.output = code, text, output

    @functools.cached_property
    def result(self) -> dict:
        return json.loads((self.output / "result.json").read_text())

    @functools.cached_property
    def arrays(self) -> dict:
        from safetensors.numpy import load_file

        return load_file(self.output / "model.safetensors")

    def rounds(self, *columns: str) -> list:
        return [[row.get(column) for column in columns] for row in self.result["rounds"]]

    def same(self) -> dict:
        """The result without what may differ from run to run."""
        result = json.loads(json.dumps(self.result))
        del result["timing"]
        for row in result["rounds"]:
            row.pop("seconds", None)
        del result["curves"]
        return result


def sandbox(app, data, output: pathlib.Path, kwargs: "dict | None" = None, python: str = sys.executable, *options: str) -> Run:
    """Runs an app on a folder of data."""
    # The processes give up root; whatever user they become must be able to look in.
    output.mkdir(parents=True, exist_ok=True)
    for folder in [output, *output.parents]:
        if folder.stat().st_uid == os.getuid() and folder != pathlib.Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    done = subprocess.run(
        [PROGRAMS / "v6-flower-sandbox", "run", "--app", app, "--data", data, "--python", python, "--output", output,
         "--kwargs", json.dumps(kwargs or {}), *options],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    return Run(done.returncode, done.stdout + done.stderr, output)


def simulate(app, data, output: pathlib.Path, overrides: "dict | None" = None) -> "tuple[dict, dict]":
    """Arrays and metrics of an app by Flower's simulation engine; the i-th partition is the i-th table of `data`."""
    environment = {**os.environ, "TABLES": str(data), "PYTHONPATH": str(HERE / "simulation"), "FLWR_TELEMETRY_ENABLED": "0"}
    done = subprocess.run(
        [sys.executable, "-P", HERE / "simulate.py", app, "3", output]
        + [f"{key}={json.dumps(value)}" for key, value in (overrides or {}).items()],
        capture_output=True, text=True, env=environment, timeout=600, cwd=output.parent,
    )  # fmt: skip
    assert done.returncode == 0 and "simulated" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    with np.load(output / "arrays.npz") as arrays:
        return dict(arrays), json.loads((output / "metrics.json").read_text())


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    """A folder that every user can enter."""
    for place in [tmp_path, *tmp_path.parents]:
        if place.stat().st_uid == os.getuid() and place != pathlib.Path("/"):
            place.chmod(place.stat().st_mode | 0o755)
    return tmp_path
