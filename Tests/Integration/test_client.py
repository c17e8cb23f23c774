"""The scripts in examples/client and the Python of the README, as they stand."""
import json
import os
import re
import subprocess
import sys

import pytest
from bench.processes import wait_for
from conftest import GENERATION, ROOT

CLIENT = ROOT / "examples/client"


@pytest.fixture(scope="module")
def where(encrypted, tmp_path_factory):
    """What the scripts read from the environment."""
    found = {**os.environ, "V6_PRIVATE_KEY": str(encrypted.folder / "alpha/private_key.pem"), "V6_COLLABORATION": str(encrypted.collaboration),
             "V6_ORGANIZATION": str(encrypted.ids["alpha"]), "V6_IMAGE": "v6-flower", "PYTHONPATH": "", "PYTHONWARNINGS": "error::SyntaxWarning"}
    if GENERATION == 4:
        return {**found, "V6_URL": "http://127.0.0.1", "V6_PORT": str(encrypted.port), "V6_USERNAME": "user-alpha", "V6_PASSWORD": encrypted.password}
    # A browser for whoever signs in.
    found.update(V6_URL=encrypted.url, V6_AUTH=encrypted.auth_url, BROWSER="true")
    printed = script(found, tmp_path_factory.mktemp("extract"), "extract.py", "scripts")
    return {**found, **dict(word.split("=") for word in printed.splitlines()[-1].split()[1:])}


def script(where, folder, name, *arguments):
    done = subprocess.run([sys.executable, CLIENT / name, *map(str, arguments)], cwd=folder, env=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(where, tmp_path_factory):
    """The folder with the result, and what was printed."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, script(where, folder, "train.py")


def test_train(trained):
    folder, output = trained
    assert "'auc': 0.9" in output
    assert len(json.loads((folder / "result.json").read_text())["rounds"]) == 5


@pytest.mark.generation(4)
def test_look_at_the_model(where, trained):
    """Nothing here depends on the version of vantage6."""
    folder, _ = trained
    assert "weight (1, 30) float32" in script(where, folder, "to_numpy.py")
    assert (folder / "model.npz").read_bytes().startswith(b"PK")
    assert float(script(where, folder, "to_sklearn.py", ROOT / "examples/data/breast-cancer/utrecht.csv").split()[-1]) > 0.9
    script(where, folder, "to_torch.py")
    assert (folder / "model.pt").stat().st_size > 30 * 4
    script(where, folder, "plot.py")
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_kill_and_resume(encrypted, where, tmp_path):
    training = subprocess.Popen([sys.executable, CLIENT / "train.py"], cwd=tmp_path, env=where, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    task = next(int(line.split()[1]) for line in training.stdout if line.startswith("task "))
    wait_for("the second round", lambda: len(encrypted.subtasks(task)) >= 3)
    script(where, tmp_path, "kill.py", task)
    assert training.wait(60) == 1
    assert f"task {task} is killed by user" in training.stderr.read()
    training.stdout.close()
    training.stderr.close()
    assert "'auc': 0.9" in script(where, tmp_path, "resume.py", task)


@pytest.mark.generation(4)
def test_the_readmes_python(plain, tmp_path):
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    for old, new in {'"https://vantage6.example.org", 443': f'"http://127.0.0.1", {plain.port}', '"researcher", "password"': f'"user-alpha", "{plain.password}"',
                     'collaboration=1, organizations=[2]': f'collaboration={plain.collaboration}, organizations=[{plain.ids["alpha"]}]',
                     '"REGISTRY/v6-flower"': '"v6-flower"'}.items():
        assert old in code, old
        code = code.replace(old, new)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "auc" in done.stdout and (tmp_path / "model.safetensors").stat().st_size > 100
