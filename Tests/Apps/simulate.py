"""Runs a Flower app by Flower's own simulation engine and writes what it gave: simulate.py APPDIR NODES OUTPUT [KEY=VALUE…]

The app is unchanged; what it throws away (the Result of Strategy.start, the old Server's parameters, the context's state) is caught
on the way.
"""

import functools
import json
import os
import pathlib
import sys
import time
import tomllib

import numpy as np
from flwr.app import Context, RecordDict
from flwr.server.server import Server
from flwr.serverapp.strategy import Strategy
from flwr.superlink.grid import InMemoryGrid

folder, nodes, output = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]), pathlib.Path(sys.argv[3])
overrides = {key: json.loads(value) for key, value in (pair.split("=") for pair in sys.argv[4:])}
app = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["flwr"]["app"]


def flatten(config, prefix=""):
    flat = {}
    for key, value in config.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


caught = {}


def catch(kind, method, keep):
    original = getattr(kind, method)

    @functools.wraps(original)
    def wrapped(self, *args, **kwargs):
        answer = original(self, *args, **kwargs)
        keep(self, answer)
        return answer

    setattr(kind, method, wrapped)


def keep_result(_, result):
    if result.arrays is not None:
        caught["arrays"] = {name: array.numpy() for name, array in result.arrays.items()}
    caught["train"] = {number: dict(record) for number, record in result.train_metrics_clientapp.items()}
    caught["evaluate"] = {number: dict(record) for number, record in result.evaluate_metrics_clientapp.items()}
    caught["server"] = {number: dict(record) for number, record in result.evaluate_metrics_serverapp.items()}


def keep_server(server, answer):
    from flwr.common import parameters_to_ndarrays

    caught["arrays"] = {str(index): array for index, array in enumerate(parameters_to_ndarrays(server.parameters))}
    rounds = {}
    for number, loss in answer[0].losses_distributed:
        rounds.setdefault(number, {})["loss"] = loss
    for name, values in answer[0].metrics_distributed.items():
        for number, value in values:
            rounds.setdefault(number, {})[name] = value
    caught["evaluate"] = rounds


catch(Strategy, "start", keep_result)
catch(Server, "fit", keep_server)


def all_nodes(grid):
    """The engine starts the ServerApp beside the nodes: one that asks at once may find some of them only."""
    while len(ids := get_node_ids(grid)) < nodes:
        time.sleep(0.01)
    return ids


get_node_ids, InMemoryGrid.get_node_ids = InMemoryGrid.get_node_ids, all_nodes

sys.path.insert(0, str(folder))
from flwr.simulation.run_simulation import NOOP_FEDERATION_ID, EventType, _run_simulation  # noqa: E402
from flwr.supercore.run import Run  # noqa: E402
from flwr.supercore.task_identity import TaskIdentity  # noqa: E402

TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
run = Run.create_empty(run_id=1)
run.primary_task_id, run.federation_id, run.override_config = 1, NOOP_FEDERATION_ID, overrides
context = Context(run_id=1, node_id=0, node_config={}, state=RecordDict(), run_config=flatten(app.get("config", {})) | overrides)
work = output / "work"
work.mkdir(parents=True)
os.chdir(work)
_run_simulation(
    num_supernodes=nodes, exit_event=EventType.PYTHON_API_RUN_SIMULATION_LEAVE, app_dir=str(folder), run=run, is_app=True,
    server_app_attr=app["components"]["serverapp"], client_app_attr=app["components"]["clientapp"], server_app_context=context,
    backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}, "init_args": {"num_cpus": 2, "include_dashboard": False}},
)  # fmt: skip
np.savez(output / "arrays.npz", **caught.pop("arrays", {}))
state = {name: dict(record) for name, record in context.state.metric_records.items()}
(output / "metrics.json").write_text(json.dumps({**caught, "state": state}))
print("simulated")
