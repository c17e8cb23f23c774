"""What Flower apps cost with us, beside Flower's own simulation engine: scripts/benchmark apps runs this with a Python that has flwr[simulation].

  simulation  a small app, 3 clients, 10 rounds: the sandbox's whole command beside the simulation's
  partial     one message to a ClientApp from start to written output, beside a Python that only imports flwr
  pipe        weights to a worker and back
"""

import base64
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from conftest import DATA, HERE, PROGRAMS

APP = HERE / "quickstart-numpy"
ECHO = """from flwr.app import Message
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
def train(msg, context):
    return Message(msg.content, reply_to=msg)
"""
# Stands before the program: keeps the files of a partial to run it again.
WRAPPER = """#!{python}
import base64, json, os, shutil, sys
decode = lambda text: base64.b32decode(text.replace("!", "=")).decode()
folder = os.path.dirname(decode(os.environ["INPUT_FILE"]))
if b"central" not in open(decode(os.environ["INPUT_FILE"]), "rb").read(40):
    shutil.copytree(folder, {keep!r}, dirs_exist_ok=True)
    json.dump(dict(os.environ), open({keep!r} + "/environment", "w"))
os.execv({program!r}, [{program!r}, *sys.argv[1:]])
"""
held = True


def told(text: str, value: float, bound: float) -> None:
    global held
    held = held and value <= bound
    print(f"{text} (bound: {bound})", flush=True)


def seconds(command: list, **options) -> float:
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - begun


def simulation(folder: pathlib.Path) -> None:
    own, theirs = [], []
    environment = {**os.environ, "FLWR_TELEMETRY_ENABLED": "0"}
    for number in range(5):
        own.append(seconds([PROGRAMS / "v6-flower-sandbox", "run", "--app", APP, "--python", sys.executable, "--data", DATA / "diabetes",
                            "--kwargs", json.dumps({"num-server-rounds": 10}), "--output", folder / f"own{number}"]))  # fmt: skip
        (folder / f"theirs{number}").mkdir()
        theirs.append(seconds([sys.executable, "-P", HERE / "simulate.py", APP, "3", folder / f"theirs{number}/output", "num-server-rounds=10"],
                              env=environment, cwd=folder))  # fmt: skip
    a, b = statistics.median(own), statistics.median(theirs)
    told(f"simulation: 10 rounds with 3 clients in the sandbox {a:.1f} s, by Flower's simulation engine {b:.1f} s: {a / b:.2f}", a / b, 1)


def partial(folder: pathlib.Path) -> None:
    wrapper, kept = folder / "wrapper", folder / "kept"
    wrapper.write_text(WRAPPER.format(python=sys.executable, keep=str(kept), program=str(PROGRAMS / "v6-flower")))
    wrapper.chmod(0o755)
    seconds([PROGRAMS / "v6-flower-sandbox", "run", "--app", APP, "--python", sys.executable, "--data", DATA / "diabetes", "--executable", wrapper,
             "--kwargs", json.dumps({"num-server-rounds": 1}), "--output", folder / "output"])  # fmt: skip
    environment = json.loads((kept / "environment").read_text())
    encode = lambda path: base64.b32encode(str(path).encode()).decode().replace("=", "!")  # noqa: E731
    environment.update({"INPUT_FILE": encode(kept / "input"), "OUTPUT_FILE": encode(kept / "output"), "TOKEN_FILE": encode(kept / "token")})
    shutil.rmtree(kept / "v6-flower", ignore_errors=True)
    whole, bare, start = [], [], []
    for _ in range(15):
        (kept / "output").write_bytes(b"")
        whole.append(seconds([PROGRAMS / "v6-flower", "app", APP, "--python", sys.executable], env=environment))
        assert (kept / "output").stat().st_size, "the partial wrote nothing"
        bare.append(seconds([sys.executable, "-P", "-c", "import flwr.clientapp, flwr.serverapp"], cwd="/"))
        start.append(seconds([sys.executable, "-P", "-c", "pass"], cwd="/"))
    a, b, c = (statistics.median(times) * 1e3 for times in (whole, bare, start))
    told(f"partial: a round's message from start to written output {a:.0f} ms; Python that only imports flwr {b:.0f} ms (a bare one {c:.0f} ms): "
         f"{a - b:+.0f} ms", a - b, 100)  # fmt: skip


def pipe(folder: pathlib.Path) -> None:
    (folder / "echo_app").mkdir()
    (folder / "echo_app/__init__.py").write_text(ECHO)
    (folder / "pyproject.toml").write_text('[project]\nname = "echo"\n[tool.flwr.app.components]\nclientapp = "echo_app:app"\n')
    done = subprocess.run([PROGRAMS / "v6-flower-benchmark", "pipe", sys.executable, folder, "400"], capture_output=True, text=True, check=True)
    times = [float(line.split()[0]) for line in done.stdout.splitlines()][1:]
    speed = 0.8 / statistics.median(times)
    told(f"pipe: 400 MB of float32 to an app and back in {statistics.median(times):.2f} s: {speed:.2f} GB/s", 1 / speed, 1)


if __name__ == "__main__":
    for measure in (simulation, partial, pipe):
        place = pathlib.Path(tempfile.mkdtemp(prefix="v6-flower-benchmark-"))
        place.chmod(0o755)
        try:
            measure(place)
        finally:
            shutil.rmtree(place)
    sys.exit(0 if held else "a number is out of its bound")
