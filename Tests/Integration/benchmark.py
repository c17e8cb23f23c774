"""What we add to vantage6, as ratios against peers in the same run: benchmark.py PEER [apps], where PEER is a Python with
vantage6-algorithm-tools and flwr, for `apps` with flwr. scripts/benchmark makes those and calls this. Of 5.0, rounds alone.
"""
import base64
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from conftest import GENERATION, PROGRAM, ROOT, TABLES, Bench, start  # noqa: E402

PEER = sys.argv[1]
BENCHMARK = PROGRAM.with_name("v6-flower-benchmark")
WRAP = "import os, sys; os.environ['PKG_NAME'] = 'flower_tools'; sys.path.insert(0, sys.argv[1]); from vantage6.algorithm.tools.wrap import wrap_algorithm; wrap_algorithm()"
TOOLS = [PEER, "-c", WRAP, str(ROOT / "Tests/Integration/images")]
held = True


def compare(what, value, bound, text):
    global held
    held = held and value <= bound
    print(f"{what}: {text} = {value:.2f} (bound: {bound})", flush=True)


def rounds():
    """A round through the real server and three real nodes, beside an empty task and the same round in Python."""
    with start() as bench:
        bench.image("v6-flower", [PROGRAM])
        bench.image("shell", ["sh", "-c", ":"])
        bench.image("flower-tools", TOOLS)

        def empty():
            begun = time.perf_counter()
            body = {"name": "empty", "description": "", "image": "shell", "collaboration_id": bench.collaboration}
            to_all = lambda key, text: [{"id": id_, key: base64.b64encode(text).decode()} for id_ in bench.ids.values()]  # noqa: E731
            if GENERATION == 4:
                body |= {"databases": [{"label": "default"}], "organizations": to_all("input", b'{"method": "none"}')}
            else:
                body |= {"databases": [[{"type": "dataframe", "dataframe_id": bench.dataframe("default")}]], "session_id": bench.session,
                         "method": "none", "action": "federated_compute", "organizations": to_all("arguments", b"{}")}
            task = bench.client.request("task", method="post", json=body)["id"]
            while not bench.ended(task):
                time.sleep(0.02)
            bench.client.result.from_task(task)
            return time.perf_counter() - begun

        empties, ours, theirs = [], [], []
        for _ in range(3):
            empties += [empty() for _ in range(3)]
            status, result, log = bench.run("v6-flower", {"model": "logistic", "target": "diagnosis", "num_rounds": 3})
            assert status == "completed", log
            # The last fan-out only evaluates.
            ours += result["timing"]["seconds_per_fan_out"][:-1]
            status, result, log = bench.run("flower-tools", {"num_rounds": 2})
            assert status == "completed" and result["losses"][-1] < 0.7, log
            theirs += result["seconds"]
    base, own, python = map(statistics.median, (empties, ours, theirs))
    compare("round", own / base, 1.15, f"{own:.2f} s / {base:.2f} s for a fan-out of an empty shell script")
    compare("round", own / python, 0.5 if GENERATION == 4 else 0.4, f"{own:.2f} s / {python:.2f} s for train and evaluate with vantage6's tools and flwr's FedAvg")


def page(run, result):
    return json.dumps({"data": [{"id": run, "run": {"id": run}, "result": base64.b64encode(result).decode()}], "links": {}})


def reply(array, rows):
    """A raw reply, as a partial writes it."""
    from safetensors.numpy import save
    blob = save({"w": array})
    message = {"metadata": {"run_id": 1, "message_id": "r", "src_node_id": 1, "dst_node_id": 1, "reply_to_message_id": "m", "group_id": "1",
                            "created_at": 0.0, "ttl": 1.0, "message_type": "train"},
               "content": {"arrays": {"arrays": "0"}, "metrics": {"metrics": {"num-examples": rows}}}}
    head = json.dumps({"format": 1, "replies": [message], "blobs": {"0": [0, len(blob)]}}).encode()
    head += b" " * (-len(head) % 8)
    return b"V6FLOWER" + struct.pack("<Q", len(head)) + head + blob


THEIR_MEAN = """
import base64, io, json, sys, time
import numpy as np
started = time.perf_counter()
total, rows = None, 0
for path, weight in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    with open(path) as file:
        for row in json.load(file)["data"]:
            array = np.load(io.BytesIO(base64.b64decode(row["result"])))
            total = array * weight if total is None else total + array * weight
            rows += weight
mean = total / rows
print(time.perf_counter() - started, mean.reshape(-1)[0])
"""


def mean():
    """From three results of 40 MB, as text, to their mean."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs, size = [], [], 0
        for number in range(3):
            array = rng.standard_normal((1000, 10000), dtype=np.float32)
            raw, npy = pathlib.Path(folder) / f"{number}.raw", pathlib.Path(folder) / f"{number}.npy"
            raw.write_text(page(number, reply(array, number + 1)))
            with tempfile.TemporaryFile() as file:
                np.save(file, array)
                file.seek(0)
                npy.write_text(page(number, file.read()))
            size += npy.stat().st_size
            ours.append(raw)
            theirs += [npy, str(number + 1)]

        def run(*command):
            seconds, first = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.split()
            return float(seconds), float(first)
        own, python = [], []
        for _ in range(7):
            own.append(run(BENCHMARK, "mean", *ours))
            python.append(run(PEER, "-c", THEIR_MEAN, *theirs))
        assert abs(own[0][1] - python[0][1]) < 1e-5, "the means differ"
        a, b = statistics.median(s for s, _ in own), statistics.median(s for s, _ in python)
        compare("text to mean", a / b, 0.2, f"{size / a / 1e9:.2f} GB of text a second, Python {size / b / 1e9:.2f}: {a:.3f} s / {b:.3f} s")


def start_up():
    """From the start of central to its first request."""
    encode = lambda text: base64.b32encode(str(text).encode()).decode().replace("=", "!")  # noqa: E731
    claims = base64.urlsafe_b64encode(json.dumps({"sub": {"client_type": "container", "node_id": 1, "organization_id": 1, "collaboration_id": 1, "study_id": None,
                                                          "store_id": None, "task_id": 1, "image": "i", "databases": [{"label": "default"}]}}).encode()).decode().rstrip("=")
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)

        def first_request(command, kwargs):
            task = pathlib.Path(tempfile.mkdtemp(dir=folder))
            task.chmod(0o755)
            (task / "input").write_text(json.dumps({"method": "central", "kwargs": kwargs}))
            (task / "token").write_text(f"eyJhbGciOiJIUzI1NiJ9.{claims}.c2ln")
            environment = {"INPUT_FILE": encode(task / "input"), "OUTPUT_FILE": encode(task / "output"), "TOKEN_FILE": encode(task / "token"),
                           "TEMPORARY_FOLDER": encode(task), "HOST": encode("http://127.0.0.1"), "PORT": encode(server.getsockname()[1]), "API_PATH": encode(""),
                           "USER_REQUESTED_DATABASE_LABELS": encode("default"), "DB_LABELS": encode("default"),
                           "DEFAULT_DATABASE_URI": encode(folder / "none.csv"), "DEFAULT_DATABASE_TYPE": encode("csv"), "PATH": os.environ["PATH"]}
            begun = time.perf_counter()
            with open(task / "log", "wb") as log:
                process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            server.settimeout(30)
            try:
                connection, _ = server.accept()
            except TimeoutError:
                sys.exit(f"{command[0]} made no request: " + (task / "log").read_text()[-2000:])
            connection.recv(1)
            seconds = time.perf_counter() - begun
            process.kill()
            process.wait()
            connection.close()
            return seconds
        own = [first_request([PROGRAM], {"model": "logistic", "target": "diagnosis"}) for _ in range(15)]
        python = [first_request(TOOLS, {"num_rounds": 1}) for _ in range(5)]
    a, b = statistics.median(own) * 1e3, statistics.median(python) * 1e3
    compare("start to first request", a, 20, f"{a:.1f} ms (vantage6's Python tools with flwr: {b:.0f} ms, {b / a:.0f} times as long)")


APP = ROOT / "Tests/Apps/quickstart-numpy"


class SuperLink:
    """Flower's own network on loopback: a SuperLink, three SuperNodes, an app's folder that runs there."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.environment = {**os.environ, "PATH": f"{pathlib.Path(PEER).parent}:{os.environ['PATH']}", "FLWR_HOME": str(folder), "FLWR_TELEMETRY_ENABLED": "0"}
        (folder / "config.toml").write_text('[superlink]\ndefault = "bench"\n\n[superlink.bench]\naddress = "127.0.0.1:8000"\ninsecure = true\n')

    def start(self, *command):
        with open(self.folder / f"{len(self.processes)}.log", "wb") as log:
            self.processes.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, cwd=self.folder, start_new_session=True))

    def __enter__(self):
        self.start("flower-superlink", "--insecure")
        time.sleep(5)
        for number in range(3):
            self.start("flower-supernode", "--insecure", "--superlink", "127.0.0.1:8000", "--host", "127.0.0.1", "--port", str(9104 + number),
                       "--node-config", f"partition-id={number} num-partitions=3")
        time.sleep(5)
        return self

    def seconds(self, rounds):
        done = subprocess.run(["flwr", "run", APP, "bench", "--stream", "--run-config", f"num-server-rounds={rounds}"], env=self.environment,
                              cwd=self.folder, capture_output=True, text=True, timeout=600)
        found = re.search(r"Strategy execution finished in ([\d.]+)s", done.stdout + done.stderr)
        assert found, (done.stdout + done.stderr)[-2000:]
        return float(found[1]) / rounds

    def __exit__(self, *_):
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def apps():
    """A round of an unchanged Flower app through the real server and nodes, beside Flower's own SuperLink and SuperNodes."""
    own, theirs = [], []
    tables = {node: {"default": ROOT / f"examples/data/diabetes/{name}.csv"} for node, name in TABLES.items()}
    with Bench(tables) as bench, tempfile.TemporaryDirectory() as folder:
        bench.image("app", [PROGRAM, "app", APP, "--python", PEER])
        with SuperLink(pathlib.Path(folder)) as superlink:
            for _ in range(2):
                status, result, log = bench.run("app", {"num-server-rounds": 4})
                assert status == "completed" and not result["failures"], log
                own += [row["seconds"] for row in result["rounds"]]
                theirs += [superlink.seconds(3)]
    a, b = statistics.median(own), statistics.median(theirs)
    compare("app", a / b, 0.5, f"a round through vantage6 {a:.2f} s / {b:.2f} s through Flower's SuperLink and three SuperNodes")


if __name__ == "__main__":
    for measure in (apps,) if sys.argv[2:] == ["apps"] else (mean, start_up, rounds) if GENERATION == 4 else (rounds,):
        measure()
    sys.exit(0 if held else "a number is out of its bound")
