"""The worker's beginning: takes the pipe away from the app, then runs the component."""

import gc
import importlib
import os
import sys


def _stay_with_parent() -> None:
    """Ends this process and what it has started when the one that started it has gone, whatever the app is doing."""
    import signal
    import threading
    import time

    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    component, folder = sys.argv[1:]
    from . import project
    from .frames import Channel

    # Whatever the app or its libraries print goes to the log; the pipe is ours alone.
    channel = Channel(os.dup(0), os.dup(1))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.argv = [folder]
    try:
        channel.send({"call": "app", "id": 0, "app": project.describe(folder)})
        if component == "describe":
            return 0
        _stay_with_parent()
        from . import hooks

        # Nothing that is imported goes away again: the collector would look through it in vain.
        gc.disable()
        try:
            if component == "clientapp":
                hooks.quick_flwr()
                importlib.import_module("flwr.clientapp")
            else:
                importlib.import_module("flwr.serverapp.strategy")
        except ImportError as error:
            found = getattr(sys.modules.get("flwr"), "__version__", None)
            reason = f"flwr {found} is too old" if found else f"flwr is missing ({error})"
            raise project.NotAnApp(f"{reason} in {sys.executable}: Flower apps run here with flwr 1.21 or newer") from None
        if component == "serverapp":
            from . import serverapp as runner
        else:
            from . import clientapp as runner
        gc.enable()
        gc.freeze()
        return runner.run(channel, folder)
    except project.NotAnApp as problem:
        channel.send({"call": "failed", "id": 0, "problem": str(problem)})
        return 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that the app left must not keep the worker.
    os._exit(code)
