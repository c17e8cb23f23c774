"""Runs a ServerApp: its Grid is the host's, what it leaves goes to the host."""

import os
import stat
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
    nodes = {number: name for number, name in head["nodes"]}
    grid = TaskGrid(host, make_run(head["run_id"], head["run_config"]), nodes, head["node_id"])
    # Wherever the app goes, its files are those of this folder.
    work = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    rounds = Rounds(host, (head["snapshot"], blobs) if head.get("snapshot") else None)
    kept: dict = {}
    patches.old_server(list(nodes), lambda history, arrays: kept.update(history=history, arrays=arrays))
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
        values["metrics"] = codec.encode_result({kind: getattr(rounds.result, kind) for kind in codec.RESULT})
    elif "history" in kept:
        arrays = _parameters(kept["arrays"]) or arrays
        values["metrics"] = codec.encode_result(patches.history_rounds(kept["history"]))
    if arrays is not None:
        values["arrays"] = blobs.name(arrays)
    values["files"] = _files(blobs, work, head["max_files_bytes"])
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


# The files that a result names at most.
_MOST_FILES = 1000


def _files(blobs, folder: int, limit: int) -> list:
    """The regular files of a folder, smallest first, as long as they fit in the limit together; links and devices are none."""
    found = []
    for place, folders, names, at in os.fwalk(".", dir_fd=folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        for name in names:
            try:
                status = os.stat(name, dir_fd=at, follow_symlinks=False)
            except OSError:
                continue  # gone: what the app has left behind may still work
            if stat.S_ISREG(status.st_mode):
                found.append((status.st_size, os.path.normpath(os.path.join(place, name))))
    if len(found) > _MOST_FILES:
        print(f"the ServerApp left {len(found)} files: the result names the {_MOST_FILES} smallest", flush=True)
    files, total = [], 0
    for size, name in sorted(found)[:_MOST_FILES]:
        content = _content(folder, name, limit - total) if total + size <= limit else None
        entry = {"name": name, "size": size if content is None else len(content)}
        if content is not None:
            total += len(content)
            entry["content"] = blobs.add([content])
        files.append(entry)
    return sorted(files, key=lambda entry: entry["name"])


def _content(folder: int, name: str, limit: int) -> "bytes | None":
    """What a regular file holds; None where it is none any more, or longer than the limit."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    with open(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        content = opened.read(limit + 1)
    return content if len(content) <= limit else None
