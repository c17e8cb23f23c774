"""The processes of a bench and their folder, whatever the version of vantage6."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from .mounts import mounted

LOGGING = {"level": "INFO", "use_console": True, "backup_count": 2, "max_size": 10240, "datefmt": "%H:%M:%S",
           "format": "%(asctime)s %(name)s %(levelname)s %(message)s", "loggers": []}
NOBODY = {("65532", "65532", "", "1", "0")}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, test, seconds=120):
    """Waits until `test` gives something true, and gives it."""
    end, problem = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if found := test():
                return found
        except Exception as error:
            problem = error
        time.sleep(0.1)
    raise TimeoutError(f"{what} ({problem})")


def rights(process):
    """User, group, further groups, no_new_privs and effective capabilities of a process's threads."""
    def of(thread):
        lines = dict(line.split(":", 1) for line in (thread / "status").read_text().splitlines())
        return (*(" ".join(sorted(set(lines[key].split()))) for key in ("Uid", "Gid", "Groups")), lines["NoNewPrivs"].strip(), lines["CapEff"].strip().lstrip("0") or "0")
    return {of(thread) for thread in pathlib.Path(f"/proc/{process}/task").iterdir()}


class Processes:
    """A folder, processes that keep all they write in it, and images: commands by name, which the nodes read from images.json.

    A bench of one version says in `up` what there is to start.
    """

    NODES = ("alpha", "beta", "gamma")

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="v6-flower-bench-"))
        # Algorithms give up root and must still be able to enter.
        self.folder.chmod(0o755)
        self.processes, self.images = {}, {}
        self.write("images.json", "{}")

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()

    def down(self):
        # Nodes first: they tell the server what becomes of their runs.
        for name in [*self.NODES, *reversed([name for name in self.processes if name not in self.NODES])]:
            self.stop(name)
        left = self.leftovers()
        for process in left:
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(self.folder)
        assert not left, f"the nodes left {len(left)} containers running"

    def leftovers(self):
        """Processes that still see the bench's folder: containers by their mounts, the rest by their command."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                seen = (process / "mountinfo").read_bytes() + (process / "cmdline").read_bytes()
            except OSError:
                continue
            if str(self.folder).encode() in seen:
                found.append(int(process.name))
        return found

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def start(self, name, module, *arguments, environment=None, mounts=()):
        """Starts a module of this package under a name, by which its log is called, too. It sees `mounts` in its folder /app."""
        argv = [sys.executable, "-m", module, *map(str, arguments)]
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                mounted(argv, "/app", mounts) if mounts else argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "BENCH_FOLDER": str(self.folder), "PYTHONPATH": str(pathlib.Path(__file__).parents[1]), **(environment or {})})

    def stop(self, name):
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait_answer(self, name, url):
        def answers():
            if self.processes[name].poll() is not None:
                sys.exit(f"the {name} ended: " + (self.folder / f"{name}.log").read_text()[-2000:])
            return urllib.request.urlopen(url, timeout=2).status == 200
        wait_for(f"the {name}'s start", answers)

    def restart_server(self, pause):
        """Takes the server away for `pause` seconds."""
        self.stop("server")
        time.sleep(pause)
        self.start_server()

    def image(self, name, argv, **at):
        """Makes an image of a command; `at` names nodes with another one."""
        self.images[name] = {"argv": list(map(str, argv)), **{f"argv@{node}": list(map(str, other)) for node, other in at.items()}}
        self.write("images.json", json.dumps(self.images))
        return name

    # What its users do; `client` is the first one's.

    def wait_online(self, names):
        online = lambda: {n["name"].split(" - ")[0] for n in self.client.node.list()["data"] if n["status"] == "online"}  # noqa: E731
        wait_for("the nodes to be online", lambda: online() == set(names))

    def wait(self, task, seconds=400):
        try:
            return wait_for(f"task {task}'s end", lambda: self.ended(task), seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.told()}") from None

    def told(self, lines=60):
        """The last that each process said, and the pods that spoke last."""
        logs = {name: (self.folder / f"{name}.log").read_text(errors="replace").splitlines() for name in self.processes}
        # It names who asked it, and no more.
        logs.pop("keycloak", None)
        for log in sorted(self.folder.glob("*/pods/*.log"), key=lambda log: log.stat().st_mtime)[-6:]:
            logs[log.name] = log.read_text(errors="replace").splitlines()[-20:]
        return "\n".join(line for name, log in logs.items() for line in (f"== {name}", *log[-lines:]))

    def started(self, *arguments, **more):
        """A task that its node has begun; asked for again where it has not: a node of 4.15 that misses the server's word of a task never starts it."""
        for _ in range(3):
            task = self.task(*arguments, **more)
            try:
                wait_for(f"task {task}'s start", lambda: self.status(task) not in (None, "pending"), 90)
            except TimeoutError:
                continue
            return task
        raise TimeoutError(f"no node begins a task\n{self.told()}")

    def run(self, *arguments, **more):
        """Runs a task to its end; gives its state, result (None where there is none) and log."""
        return self.outcome(self.started(*arguments, **more))

    def outcome(self, task, seconds=400):
        status = self.wait(task, seconds)
        result = self.client.result.from_task(task)["data"][0]["result"]
        return status, json.loads(result) if result else None, self.log(task)

    def log(self, task):
        return self.client.run.from_task(task)["data"][0]["log"] or ""

    def subtasks(self, task):
        return sorted(self.client.task.list(parent=task, per_page=100)["data"], key=lambda row: row["id"])
