"""Starts and stops the bench's processes, and speaks to it as its users do."""
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

from engine import HOST_ADDRESS

HERE = pathlib.Path(__file__).resolve().parent
FINAL = {"completed", "failed", "crashed", "killed by user", "non-existing Docker image", "not allowed", "unknown error"}


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


NOBODY = {("65532", "65532", "", "1", "0")}


def rights(process):
    """User, group, further groups, no_new_privs and effective capabilities of a process's threads."""
    def of(thread):
        lines = dict(line.split(":", 1) for line in (thread / "status").read_text().splitlines())
        return (*(" ".join(sorted(set(lines[key].split()))) for key in ("Uid", "Gid", "Groups")), lines["NoNewPrivs"].strip(), lines["CapEff"].strip().lstrip("0") or "0")
    return {of(thread) for thread in pathlib.Path(f"/proc/{process}/task").iterdir()}


class Bench:
    """Three organizations with a node and a user each, one collaboration, one study of the last two, and a store.

    `databases` gives each node its databases: {node: {label: path}}; `engine` is the Docker engine of its nodes, if they have one.
    """

    NODES = ("alpha", "beta", "gamma")

    def __init__(self, databases, encrypted=False, node_config=None, engine=None):
        self.engine = engine
        self.databases, self.encrypted = databases, encrypted
        self.node_config = node_config or {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="v6-flower-bench-"))
        # Algorithms give up root and must still be able to enter.
        self.folder.chmod(0o755)
        self.processes, self.images, self.password = {}, {}, secrets.token_urlsafe(12) + "aA1!"
        self.port, self.store_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.store_url = f"http://127.0.0.1:{self.store_port}"

    # Life

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()

    def up(self):
        import yaml
        logging = {"level": "INFO", "use_console": True, "backup_count": 2, "max_size": 10240, "datefmt": "%H:%M:%S",
                   "format": "%(asctime)s %(name)s %(levelname)s %(message)s", "loggers": []}
        keys = {name: str(uuid.uuid4()) for name in self.NODES}
        blank = dict.fromkeys(("domain", "address1", "address2", "zipcode", "country", "public_key"), "")
        user = lambda name: {"username": name, "firstname": name, "lastname": "Bench", "email": f"{name}@bench.invalid", "password": self.password}  # noqa: E731
        fixture = {
            "organizations": [{"name": name, **blank, "users": [user(f"user-{name}")]} for name in self.NODES],
            "collaborations": [{"name": "bench", "encrypted": self.encrypted,
                                "participants": [{"name": name, "api_key": keys[name]} for name in self.NODES]}]}
        self.write("fixture.yaml", yaml.safe_dump(fixture))
        self.write("images.json", "{}")
        self.write("server.yaml", yaml.safe_dump({
            "description": "bench", "ip": "127.0.0.1", "port": self.port, "api_path": "/api", "allow_drop_all": False,
            "uri": f"sqlite:///{self.folder}/server.sqlite", "dev": {"host_uri": "127.0.0.1"}, "server_url": f"{self.url}/api", "jwt_secret_key": secrets.token_hex(32), "logging": {**logging, "file": "server.log"}}))
        self.start_server(self.folder / "fixture.yaml")
        self.write("store.yaml", yaml.safe_dump({
            "description": "bench",
            "ip": "127.0.0.1", "port": self.store_port, "api_path": "/api", "allow_drop_all": False, "uri": f"sqlite:///{self.folder}/store.sqlite",
            "policies": {"assign_review_own_algorithm": True, "min_reviewers": 1, "min_reviewing_organizations": 1, "algorithm_view": "public", "allowed_servers": [f"{self.url}/api"], "allow_localhost": True},
            "root_user": {"v6_server_uri": f"{self.url}/api", "username": "user-alpha", "email": "user-alpha@bench.invalid", "organization_id": 2},
            "dev": {"host_uri": "127.0.0.1", "disable_review": False, "review_own_algorithm": True}, "logging": {**logging, "file": "store.log"}}))
        self.start("store", "store.py", self.folder / "store.yaml", "127.0.0.1", self.store_port)
        for name in self.NODES:
            folder = self.folder / name
            folder.mkdir()
            # The node copies all databases into one folder by their files' names.
            tables = {label: shutil.copy(path, folder / f"{label}{path.suffix}") for label, path in self.databases[name].items()}
            if self.encrypted:
                from vantage6.common.encryption import RSACryptor
                RSACryptor.create_new_rsa_key(folder / "private_key.pem")
            config = {"api_key": keys[name], "server_url": "http://127.0.0.1", "port": self.port, "api_path": "/api", "task_dir": str(folder / "tasks"),
                      "logging": {**logging, "file": "node.log"},
                      "databases": [{"label": label, "uri": str(path), "type": "csv"} for label, path in tables.items()],
                      "encryption": {"enabled": self.encrypted, "private_key": str(folder / "private_key.pem") if self.encrypted else ""},
                      # without this, an image that no registry has is refused
                      "policies": {"require_algorithm_pull": False},
                      "directories": {"data": str(folder / "data"), "log": str(folder / "log")}}
            config.update(self.node_config.get(name, {}))
            self.write(f"{name}.yaml", yaml.safe_dump(config))
            self.start_node(name)
        self.wait_answer("store", f"{self.store_url}/api/version")
        self.client = self.login("user-alpha")
        organizations = self.client.organization.list()["data"]
        self.ids = {name: next(o["id"] for o in organizations if o["name"] == name) for name in self.NODES}
        self.collaboration = self.client.collaboration.list()["data"][0]["id"]
        self.wait_online(self.NODES)
        self.study = self.client.study.create(name="two", organizations=[self.ids["beta"], self.ids["gamma"]], collaboration=self.collaboration)["id"]

    def down(self):
        for name in [*self.NODES, "store", "server"]:
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

    def start(self, name, script, *arguments, environment=None):
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, HERE / script, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True, env={**os.environ, "BENCH_FOLDER": str(self.folder), "PYTHONPATH": str(HERE), **(environment or {})})

    def start_server(self, *fixture):
        self.start("server", "server.py", self.folder / "server.yaml", "127.0.0.1", self.port, *fixture)
        self.wait_answer("server", f"{self.url}/api/health")

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

    def start_node(self, name):
        environment = {"PROXY_SERVER_HOST": "127.0.0.1", "PROXY_SERVER_PORT": str(free_port()), "BENCH_NODE": name}
        if self.engine:
            environment.update(PROXY_SERVER_HOST=HOST_ADDRESS, DOCKER_HOST=self.engine.url)
        self.start(name, "node.py", self.folder / f"{name}.yaml", name, environment=environment)

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

    def wait_online(self, names):
        online = lambda: {n["name"].split(" - ")[0] for n in self.client.node.list()["data"] if n["status"] == "online"}  # noqa: E731
        wait_for("the nodes to be online", lambda: len(online()) == len(names))

    # What its users do

    def login(self, user):
        """A client of a user. Only the first has its key in an encrypted collaboration: vantage6's cryptor is one for the process,
        and another user's would upload the first one's public key as its own."""
        import compat
        from vantage6.client import UserClient
        del compat
        client = UserClient("http://127.0.0.1", self.port, "/api", log_level="error")
        client.authenticate(user, self.password)
        if not self.encrypted or user == "user-alpha":
            client.setup_encryption(str(self.folder / "alpha/private_key.pem") if self.encrypted else None)
        return client

    def image(self, name, argv, **at):
        """Makes an image of a command; `at` names nodes with another one."""
        self.images[name] = {"argv": list(map(str, argv)), **{f"argv@{node}": list(map(str, other)) for node, other in at.items()}}
        self.write("images.json", json.dumps(self.images))
        return name

    def task(self, image, kwargs, at="alpha", method="central", databases=("default",), client=None, **more):
        client = client or self.client
        where = {} if "study" in more else {"collaboration": self.collaboration}
        task = client.task.create(organizations=[self.ids[at]], name="test", description="", image=image, databases=[{"label": d} for d in databases],
                                  input_={"method": method, "kwargs": kwargs}, **where, **more)
        assert "id" in task, task
        return task["id"]

    def status(self, task):
        return self.client.request(f"task/{task}/status")["status"]

    def wait(self, task, seconds=400):
        wait_for(f"task {task}'s end", lambda: self.status(task) in FINAL, seconds)
        return self.status(task)

    def run(self, *arguments, **more):
        """Runs a task to its end; gives its state, result (None where there is none) and log."""
        task = self.task(*arguments, **more)
        return self.outcome(task)

    def outcome(self, task, seconds=400):
        status = self.wait(task, seconds)
        result = self.client.result.from_task(task)["data"][0]["result"]
        return status, json.loads(result) if result else None, self.log(task)

    def log(self, task):
        return self.client.run.from_task(task)["data"][0]["log"] or ""

    def subtasks(self, task):
        return sorted(self.client.task.list(parent=task, per_page=100)["data"], key=lambda row: row["id"])
