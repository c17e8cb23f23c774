"""The scripts in examples/client and the Python of the README, as they stand."""
import json
import os
import re
import subprocess
import sys

from bench import wait_for
from conftest import ROOT

CLIENT = ROOT / "examples/client"


def environment(bench):
    return {**os.environ, "V6_URL": "http://127.0.0.1", "V6_PORT": str(bench.port), "V6_USERNAME": "user-alpha", "V6_PASSWORD": bench.password,
            "V6_PRIVATE_KEY": str(bench.folder / "alpha/private_key.pem"), "V6_COLLABORATION": str(bench.collaboration),
            "V6_ORGANIZATION": str(bench.ids["alpha"]), "V6_IMAGE": "v6-flower", "PYTHONPATH": "", "PYTHONWARNINGS": "error::SyntaxWarning"}


def script(bench, folder, name, *arguments):
    done = subprocess.run([sys.executable, CLIENT / name, *map(str, arguments)], cwd=folder, env=environment(bench), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_train_and_look_at_the_model(encrypted, tmp_path):
    output = script(encrypted, tmp_path, "train.py")
    assert "'auc': 0.9" in output
    result = json.loads((tmp_path / "result.json").read_text())
    assert len(result["rounds"]) == 5
    assert "weight (1, 30) float32" in script(encrypted, tmp_path, "to_numpy.py")
    assert float(script(encrypted, tmp_path, "to_sklearn.py", ROOT / "examples/data/breast-cancer/utrecht.csv").split()[-1]) > 0.9
    script(encrypted, tmp_path, "to_torch.py")
    assert (tmp_path / "model.pt").stat().st_size > 30 * 4
    script(encrypted, tmp_path, "plot.py")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_kill_and_resume(encrypted, tmp_path):
    training = subprocess.Popen([sys.executable, CLIENT / "train.py"], cwd=tmp_path, env=environment(encrypted), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    task = next(int(line.split()[1]) for line in training.stdout if line.startswith("task "))
    wait_for("the second round", lambda: len(encrypted.subtasks(task)) >= 3)
    script(encrypted, tmp_path, "kill.py", task)
    assert training.wait(60) == 1
    assert f"task {task} is killed by user" in training.stderr.read()
    training.stdout.close()
    training.stderr.close()
    assert "'auc': 0.9" in script(encrypted, tmp_path, "resume.py", task)


def test_the_readmes_python(plain, tmp_path):
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    for old, new in {'"https://vantage6.example.org", 443': f'"http://127.0.0.1", {plain.port}', '"researcher", "password"': f'"user-alpha", "{plain.password}"',
                     'collaboration=1, organizations=[2]': f'collaboration={plain.collaboration}, organizations=[{plain.ids["alpha"]}]',
                     '"REGISTRY/v6-flower"': '"v6-flower"'}.items():
        assert old in code, old
        code = code.replace(old, new)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(plain), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "auc" in done.stdout and (tmp_path / "model.safetensors").stat().st_size > 100
