"""A large model through the real 4.15 server's large result store, encrypted: store_benchmark.py PYTHON [MB], where PYTHON has flwr.

Counts all bytes between each node and the server, and the peak memory of our processes, without those of Python.
"""
import json
import pathlib
import re
import socket
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from conftest import PROGRAM, TABLES, databases  # noqa: E402
from bench.v4.bench import Bench  # noqa: E402, I001

PYTHON, MEGABYTES = sys.argv[1], float(sys.argv[2]) if sys.argv[2:] else 100
NUMBERS = int(MEGABYTES * 1e6 / 4)

# Stands before the real program and notes its peak memory, not that of its worker.
WRAPPER = """#!/usr/bin/env python3
import base64, os, sys, time
decode = lambda text: base64.b32decode(text.replace("!", "=")).decode()
method = "central" if b"central" in open(decode(os.environ["INPUT_FILE"]), "rb").read(40) else "partial"
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
peaks, status = dict.fromkeys(("VmHWM", "RssAnon", "RssFile", "RssShmem"), 0), None
while status is None:
    for line in open(f"/proc/{{child}}/status"):
        name, _, value = line.partition(":")
        if name in peaks:
            peaks[name] = max(peaks[name], int(value.split()[0]))
    time.sleep(0.02)
    ended, code = os.waitpid(child, os.WNOHANG)
    if ended:
        status = os.waitstatus_to_exitcode(code)
with open({notes!r}, "a") as notes:
    notes.write(" ".join([method, *map(str, peaks.values())]) + "\\n")
sys.exit(status)
"""

PROJECT = """
[project]
name = "large"
version = "1.0.0"
dependencies = ["flwr>=1.21.0", "numpy"]
[tool.flwr.app]
publisher = "bench"
[tool.flwr.app.components]
serverapp = "large:server"
clientapp = "large:client"
[tool.flwr.app.config]
numbers = {numbers}
"""

APP = """
import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg

server, client = ServerApp(), ClientApp()


@server.main()
def main(grid, context):
    arrays = ArrayRecord([np.arange(context.run_config["numbers"], dtype=np.float32)])
    result = FedAvg(fraction_evaluate=0).start(grid=grid, initial_arrays=arrays, num_rounds=1)
    assert result.arrays.to_numpy_ndarrays()[0][:3].tolist() == [1, 2, 3]


@client.train()
def train(message, context):
    arrays = [array + 1 for array in message.content["arrays"].to_numpy_ndarrays()]
    return Message(RecordDict({"arrays": ArrayRecord(arrays), "metrics": MetricRecord({"num-examples": 1})}), reply_to=message)
"""


class Relay:
    """Stands before the server for one node, and counts what passes."""

    def __init__(self, port):
        self.target, self.sent, self.received = port, 0, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.socket.accept()
            server = socket.create_connection(("127.0.0.1", self.target))
            for source, sink, name in ((client, server, "sent"), (server, client, "received")):
                threading.Thread(target=self.pass_on, args=(source, sink, name), daemon=True).start()

    def pass_on(self, source, sink, name):
        try:
            while data := source.recv(1 << 18):
                setattr(self, name, getattr(self, name) + len(data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def main():
    app = pathlib.Path(tempfile.mkdtemp(prefix="v6-flower-large-"))
    app.chmod(0o755)
    (app / "pyproject.toml").write_text(PROJECT.format(numbers=NUMBERS))
    (app / "large.py").write_text(APP)
    bench = Bench({node: databases(node) for node in TABLES}, encrypted=True, store=True)
    relays = {node: Relay(bench.port) for node in TABLES}
    bench.node_config = {node: {"port": relay.port} for node, relay in relays.items()}
    with bench:
        notes, wrapper = bench.folder / "notes", app / "wrapper"
        wrapper.write_text(WRAPPER.format(notes=str(notes)))
        wrapper.chmod(0o755)
        bench.image("large", [wrapper, PROGRAM, "app", app, "--python", PYTHON])
        before = {node: (relay.sent, relay.received) for node, relay in relays.items()}
        task = bench.task("large", {})
        status = bench.wait(task, 3000)
        log = bench.log(task)
        assert status == "completed", log
        print(re.sub(r"(?m)^", "  ", log))
        peaks = {}
        for line in notes.read_text().splitlines():
            method, size, anonymous, file, shared = line.split()
            print(method, "memory of its own, of files, shared:", *(f"{int(kind) / 1e3:.0f} MB" for kind in (anonymous, file, shared)))
            peaks[method] = max(peaks.get(method, 0), int(size) * 1024)
        result = max(path.stat().st_size for path in bench.blobs.iterdir())
        print("largest blob", result)
        model, held = NUMBERS * 4, True
        for node, relay in relays.items():
            # Central's node also brings three inputs and the task's result, which holds the model, and reads three replies.
            up, down = relay.sent - before[node][0], relay.received - before[node][1]
            print(node, "sent", up, "received", down, "models", round(up / model, 3), round(down / model, 3))
            if node != "alpha":
                held = held and max(up, down) / model <= 1.1
        for method, peak in peaks.items():
            print(f"{method}: {peak / 1e6:.0f} MB at its peak = {peak / model:.2f} models of {model / 1e6:.0f} MB (bound: 2.2)")
            held = held and peak / model <= 2.2
        print(json.dumps({"held": held}))
        sys.exit(0 if held else "a number is out of its bound")


if __name__ == "__main__":
    main()
