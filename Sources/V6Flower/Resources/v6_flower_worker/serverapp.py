"""Runs a ServerApp: its Grid is the host's, what it leaves goes to the host."""

import os
import traceback

from . import hooks
from .frames import Channel, Closed


def run(channel: Channel, folder: str) -> int:
    """Waits for the task, runs the app's ServerApp on it and tells the host what it left."""
    # Importing takes its time while the host asks vantage6 for the organizations.
    from flwr.app import ConfigRecord, Context, RecordDict  # noqa: F401
    from flwr.serverapp import ServerApp

    from . import datasets, patches, project
    from . import messages as codec
    from .grid import GridError, Host, TaskGrid, identify, make_run
    from .rounds import Rounds

    channel.send({"call": "ready", "id": 0})
    try:
        head, blobs = channel.receive()
    except Closed:
        return 0  # the task's arguments are wrong: the host has said so
    hooks.seed(head["seed"])
    identify(head["run_id"], head["node_id"])
    datasets.answer_from(head["databases"], head["column_mapping"], "ServerApp")
    host = Host(channel)
    host.start()
    grid = TaskGrid(host, make_run(head["run_id"], head["run_config"]), head["node_ids"], head["node_id"])
    rounds = Rounds(host, (head["snapshot"], blobs) if head.get("snapshot") else None)
    kept: dict = {}
    patches.old_server(head["node_ids"], lambda history, arrays: kept.update(history=history, arrays=arrays))
    try:
        app = project.load(folder, "serverapp")
        if not isinstance(app, ServerApp):
            raise project.NotAnApp(f"the serverapp is a {type(app).__name__}, not flwr's ServerApp")
        rounds.watch()
        context = Context(
            run_id=head["run_id"], node_id=head["node_id"], node_config=head["node_config"], state=RecordDict(),
            run_config=head["run_config"],
        )  # fmt: skip
        app(grid=grid, context=context)
    except (project.NotAnApp, GridError) as problem:
        host.call("failed", problem=str(problem))
        return 1
    except SystemExit as end:
        if end.code not in (None, 0):
            host.call("failed", problem=f"the ServerApp ended itself: {end.code}")
            return 1
    except Exception as error:
        cause = error
        while cause is not None and not isinstance(cause, GridError):
            cause = cause.__cause__ or cause.__context__
        traceback.print_exc()
        host.call("failed", problem=str(cause or f"the ServerApp raised {type(error).__name__}: {error}"))
        return 1
    blobs = codec.Blobs()
    values = {"state": codec.encode_records(context.state, blobs)}
    arrays = grid.last_arrays
    if rounds.result is not None:
        arrays = rounds.result.arrays if rounds.result.arrays is not None else arrays
        values["metrics"] = {
            kind: {str(number): codec.encode_values(record) for number, record in getattr(rounds.result, kind).items()}
            for kind in ("train_metrics_clientapp", "evaluate_metrics_clientapp", "evaluate_metrics_serverapp")
        }
    elif "history" in kept:
        arrays = _parameters(kept["arrays"]) or arrays
        values["metrics"] = {
            kind: {str(number): _numbers(metrics) for number, metrics in found.items()}
            for kind, found in patches.history_rounds(kept["history"]).items()
        }
    if arrays is not None:
        values["arrays"] = blobs.name(arrays)
    values["files"] = _files(blobs, head["max_files_bytes"])
    host.call("finished", blobs, **values)
    return 0


def _parameters(found):
    """An ArrayRecord of the old API's Parameters; what is one already stays."""
    from flwr.app import ArrayRecord

    if found is None or isinstance(found, ArrayRecord):
        return found
    from flwr.common import parameters_to_ndarrays

    try:
        return ArrayRecord(parameters_to_ndarrays(found))
    except Exception:
        return None  # of another kind than numpy's: what was on the Grid has the bytes


def _numbers(metrics: dict) -> dict:
    """The metrics that are numbers; the old API lets an app report anything."""
    from . import messages as codec

    return codec.encode_values({
        name: value for name, value in metrics.items() if isinstance(value, (int, float)) and not isinstance(value, bool)
    })  # fmt: skip


def _files(blobs, limit: int) -> list:
    """The files of the working directory, smallest first, as long as they fit in the limit together."""
    found = []
    for place, folders, names in os.walk("."):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        found += [os.path.relpath(os.path.join(place, name)) for name in names if not os.path.islink(os.path.join(place, name))]
    files, total = [], 0
    for size, name in sorted((os.path.getsize(name), name) for name in found):
        entry = {"name": name, "size": size}
        if total + size <= limit:
            total += size
            with open(name, "rb") as file:
                entry["content"] = blobs.add([file.read()])
        files.append(entry)
    return sorted(files, key=lambda entry: entry["name"])
