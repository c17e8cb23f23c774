"""What an app finds on its Grid, with every flwr; from 1.43 on a strategy can stop early."""

import os
import shutil
import sys

import numpy as np
from conftest import DATA, HERE, sandbox
from flwr.app import ArrayRecord, MetricRecord
from flwr.serverapp.strategy import Result, Strategy

SERVER = """
import time
import numpy as np
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    nodes = list(grid.get_nodes())
    names = [getattr(node, "name", "") for node in nodes]
    ids = [node.node_id for node in nodes][::-1]
    asked = lambda: [Message(RecordDict({"config": ConfigRecord({"bins": 4})}), node, "query.rows", group_id="1") for node in ids]  # noqa: E731
    kept = {}
    for how in ("all", "reply_to_message_ids", "message_ids"):
        numbers, found = list(grid.push_messages(asked())), []
        assert list(grid.pull_messages([])) == []
        while len(found) < 3:
            found += grid.pull_messages() if how == "all" else grid.pull_messages(**{how: numbers})
            time.sleep(0.01)
        assert sorted(reply.metadata.reply_to_message_id for reply in found) == sorted(numbers)
        assert list(grid.pull_messages()) == []
        kept[how] = sorted(reply.metadata.src_node_id for reply in found)
    try:
        grid.pull_messages(["a"], message_ids=["b"])
    except TypeError as error:
        kept["both"] = [str(error)]
    context.state["kept"] = ConfigRecord({"names": names, **kept})
"""


def test_nodes_have_names_and_replies_are_pulled_once(folder):
    app = folder / "app"
    shutil.copytree(HERE / "federated-analytics", app)
    (app / "federated_analytics/server_app.py").write_text(SERVER)
    run = sandbox(app, DATA / "breast-cancer", folder / "output")
    assert run.code == 0, run.text[-3000:]
    kept = run.result["state"]["kept"]
    assert kept["names"] == {"strings": ["amsterdam", "maastricht", "utrecht"]}
    for how in ("all", "reply_to_message_ids", "message_ids"):
        assert kept[how] == {"ints": [1, 2, 3]}
    assert "not both" in kept["both"]["strings"][0]


# -- Stopping early

sys.path.insert(0, str(HERE.parent.parent / "Sources/V6Flower/Resources"))


class Doubling(Strategy):
    """Adds one to its array each round; the nodes say nothing."""

    def configure_train(self, server_round, arrays, config, grid):
        self.arrays = arrays
        return []

    def aggregate_train(self, server_round, replies):
        return ArrayRecord([self.arrays.to_numpy_ndarrays()[0] + 1]), MetricRecord({"loss": 10.0 - server_round})

    def configure_evaluate(self, server_round, arrays, config, grid):
        return []

    def aggregate_evaluate(self, server_round, replies):
        return None

    def summary(self) -> None:
        pass


def loop(strategy, num_rounds, should_stop):
    """The order of calls in flwr's `Strategy.start`, from 1.43 on."""
    arrays = ArrayRecord([np.zeros(1)])
    result = Result(arrays=arrays)
    for number in range(1, num_rounds + 1):
        strategy.configure_train(number, arrays, None, None)
        new, metrics = strategy.aggregate_train(number, [])
        if new is not None:
            result.arrays = arrays = new
        if metrics is not None:
            result.train_metrics_clientapp[number] = metrics
        strategy.configure_evaluate(number, arrays, None, None)
        strategy.aggregate_evaluate(number, [])
        if should_stop is not None and should_stop(number, result):
            break
    return result


class Host:
    """Takes down what it is told."""

    def __init__(self) -> None:
        self.snapshots = []

    def call(self, name, blobs=None, **values):
        parts = {number: memoryview(b"".join(bytes(part) for part in parts)) for number, parts in blobs.parts}
        self.snapshots.append((values, parts))
        return {}, {}


def train(snapshot, num_rounds=8):
    """A training that stops once two rounds were below a loss of 8: the predicate keeps count itself. Gives its result, host and questions."""
    from v6_flower_worker.rounds import _Watched

    host, strategy, low, asked = Host(), Doubling(), [], []

    def should_stop(number, result):
        asked.append(number)
        low.extend([number] * (result.train_metrics_clientapp[number]["loss"] < 8))
        return len(low) == 2

    arguments = {"evaluate_fn": None, "should_stop": should_stop}
    watched = _Watched(host, strategy, arguments, snapshot)
    return watched.run(lambda: loop(strategy, num_rounds, arguments["should_stop"])), host, asked


def test_a_run_that_stops_early_ends_with_its_round_and_so_does_one_that_goes_on():
    whole, host, asked = train(None)
    assert asked == [1, 2, 3, 4]
    assert whole.arrays.to_numpy_ndarrays()[0][0] == 4
    assert [values["round"] for values, _ in host.snapshots] == [1, 2, 3, 4]
    for values, blobs in host.snapshots:
        resumed, again, asked = train((values, blobs))
        assert resumed.arrays.to_numpy_ndarrays()[0][0] == 4
        assert resumed.train_metrics_clientapp == whole.train_metrics_clientapp
        assert [values["round"] for values, _ in again.snapshots] == list(range(values["round"] + 1, 5))
        assert asked == [1, 2, 3, 4]


def test_an_app_stops_early(folder):
    python = dict(pair.split("=", 1) for pair in os.environ["FLWR_VERSIONS"].split(","))["1.43"]
    app = folder / "app"
    shutil.copytree(HERE / "quickstart-numpy", app)
    server = app / "quickstart_numpy/server_app.py"
    server.write_text(server.read_text().replace("num_rounds=", "should_stop=lambda number, result: number == 2, num_rounds="))
    run = sandbox(app, DATA / "diabetes", folder / "output", {"num-server-rounds": 5}, python)
    assert run.code == 0, run.text[-3000:]
    assert [row["round"] for row in run.result["rounds"]] == [1, 2]
