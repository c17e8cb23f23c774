"""A network of vantage6 5.0, and what its users do in it."""
import json
import os
import pathlib
import secrets
import shutil
import signal
import time
import urllib.request
import uuid

from .. import state  # noqa: F401
from ..processes import LOGGING, Processes, free_port, wait_for

FAILED = {"failed", "crashed", "killed by user", "non-existing Docker image", "not allowed", "unknown error", "unexpected output",
          "dataframe not found", "depended on failed task"}
# For so long a failed word without an end may be a passing one.
DOUBT = 15
# What makes dataframes of the nodes' databases: an image's command and its method.
EXTRACTION = [pathlib.Path(__file__).parents[4] / ".build/release/v6-flower"], "extract"


class Bench(Processes):
    """Three organizations with a node and a user each, one collaboration, one study of the last two, and a session.

    `databases` gives each node its databases: {node: {label: path}}, or for a server {label: {"URI": …, "TYPE": …}}. Tasks run on dataframes by the same labels, which are made
    when they are first used, the default one at once, of the organizations that have such a database.
    """

    def __init__(self, databases, encrypted=False, node_config=None):
        super().__init__()
        self.databases, self.encrypted, self.node_config = databases, encrypted, node_config or {}
        self.port, self.proxies, self.dataframes, self.doubted = free_port(), {}, {}, {}
        self.url, self.auth_url = f"http://127.0.0.1:{self.port}/hq", f"http://127.0.0.1:{free_port()}"
        client = lambda kind: {"secret": secrets.token_hex(16), "sub": str(uuid.uuid4()), "type": kind}  # noqa: E731
        self.clients = {**{f"user-{name}-user-client": client("user") for name in self.NODES},
                        **{f"{name}-node-client": client("node") for name in self.NODES}, "hq": client("user")}

    def up(self):
        import yaml
        # Where pods and nodes have their mounts.
        os.makedirs("/app", exist_ok=True)
        self.write("keycloak.json", json.dumps(self.clients))
        self.start("keycloak", "bench.v5.keycloak", self.auth_url.rsplit(":", 1)[1], self.folder / "keycloak.json")
        self.wait_answer("keycloak", f"{self.auth_url}/realms/vantage6")
        self.write("entities.json", json.dumps({
            "encrypted": self.encrypted, "nodes": {name: self.clients[f"{name}-node-client"]["sub"] for name in self.NODES},
            "users": {f"user-{name}": self.clients[f"user-{name}-user-client"]["sub"] for name in self.NODES}}))
        self.write("server.yaml", yaml.safe_dump({
            "uri": f"sqlite:///{self.folder}/server.sqlite", "api_path": "/hq", "port": self.port, "ip": "127.0.0.1", "jwt_secret_key": secrets.token_hex(32),
            "logging": {**LOGGING, "file": "server.log"}, "allow_drop_all": False}))
        self.start_server()
        for name in self.NODES:
            folder = self.folder / name
            for part in ("tasks", "databases", "pods"):
                (folder / part).mkdir(parents=True)
            for label, path in self.databases[name].items():
                shutil.copy(path, folder / "databases" / f"{label}.csv")
            if self.encrypted:
                from vantage6.common.encryption import RSACryptor
                RSACryptor.create_new_rsa_key(folder / "private_key.pem")
            config = {"hq_url": "http://127.0.0.1", "port": self.port, "api_path": "/hq", "task_dir": str(folder / "tasks"), "task_namespace": "bench",
                      "node_proxy_port": free_port(), "logging": {**LOGGING, "file": "node.log"}, "databases": {},
                      "encryption": {"enabled": self.encrypted, "private_key": str(folder / "private_key.pem")}}
            config.update(self.node_config.get(name, {}))
            self.proxies[name] = f"http://127.0.0.1:{config['node_proxy_port']}"
            self.write(f"{name}.yaml", yaml.safe_dump(config))
            self.start_node(name)
        self.client = self.login("user-alpha")
        self.ids = {o["name"]: o["id"] for o in self.client.organization.list()["data"] if o["name"] in self.NODES}
        self.collaboration = self.client.collaboration.list()["data"][0]["id"]
        self.wait_online(self.NODES)
        self.study = self.client.study.create(name="two", organizations=[self.ids["beta"], self.ids["gamma"]], collaboration=self.collaboration)["id"]
        self.session = self.client.session.create(collaboration=self.collaboration, scope="collaboration", name="bench")["id"]
        # The rules of gamma's node allow images by such a name only.
        self.image("v6-flower-extract", EXTRACTION[0])
        self.dataframe("default")

    @property
    def keycloak(self):
        admin = self.clients["hq"]
        return {"KEYCLOAK_URL": self.auth_url, "KEYCLOAK_REALM": "vantage6", "KEYCLOAK_ADMIN_USERNAME": "admin", "KEYCLOAK_ADMIN_PASSWORD": "admin",
                "KEYCLOAK_ADMIN_CLIENT": "hq", "KEYCLOAK_ADMIN_CLIENT_SECRET": admin["secret"]}

    def start_server(self):
        self.start("server", "bench.v5.hq", self.folder / "server.yaml", "127.0.0.1", self.port, self.folder / "entities.json", environment=self.keycloak)
        self.wait_answer("server", f"{self.url}/health")

    def restart_server(self, pause):
        """A node whose new connection HQ cannot check at once, while it starts itself, has one that hears of no task. A proxy forwards without a
        time-out, one request after the other: one that gets no answer keeps all others."""
        connections = lambda name: (self.folder / f"{name}.log").read_text(errors="replace").count("(Re)Connected to the /tasks")  # noqa: E731
        for _ in range(3):
            before = {name: connections(name) for name in self.NODES}
            super().restart_server(pause)
            try:
                wait_for("the nodes' connections", lambda: all(connections(name) > before[name] for name in self.NODES), 60)
                for proxy in self.proxies.values():
                    wait_for(f"an answer of {proxy}", lambda: urllib.request.urlopen(f"{proxy}/version", timeout=20).status == 200, 20)
                return
            except TimeoutError:
                continue
        raise TimeoutError(f"the nodes do not come back\n{self.told()}")

    def start_node(self, name):
        folder, labels = self.folder / name, self.databases[name]
        environment = {**self.keycloak, "V6_API_KEY": self.clients[f"{name}-node-client"]["secret"], "V6_NODE_NAME": name, "BENCH_NODE": name,
                       "V6_PROXY_HOST": "http://127.0.0.1", "DATABASE_LABELS": ",".join(labels)}
        for label in labels:
            # A server has an address, and what its administrator says beside it.
            server = labels[label] if isinstance(labels[label], dict) else {"URI": folder / "databases" / f"{label}.csv", "TYPE": "csv"}
            environment.update({f"DATABASE_{label.upper()}_{key}": str(value) for key, value in server.items()})
        mounts = [(str(folder / part), f"/app/{part}", "rw") for part in ("tasks", "databases")]
        self.start(name, "bench.v5.node", self.folder / f"{name}.yaml", name, environment=environment, mounts=mounts)

    def start_store(self):
        """Starts an algorithm store, whose root user is alpha's; gives its address."""
        import yaml
        port = free_port()
        self.write("store.yaml", yaml.safe_dump({
            "uri": f"sqlite:///{self.folder}/store.sqlite", "api_path": "/store", "port": port, "ip": "127.0.0.1", "allow_drop_all": False,
            "policies": {"assign_review_own_algorithm": True, "min_reviewers": 1, "min_reviewing_organizations": 1, "algorithm_view": "public"},
            "dev": {"disable_review": False, "review_own_algorithm": True}, "logging": {**LOGGING, "file": "store.log"}}))
        self.start("store", "bench.v5.store", self.folder / "store.yaml", "127.0.0.1", port, self.clients["user-alpha-user-client"]["sub"],
                   environment=self.keycloak)
        url = f"http://127.0.0.1:{port}/store"
        self.wait_answer("store", f"{url}/version")
        return url

    def evict(self, node):
        """Evicts the pods at a node."""
        self.processes[node].send_signal(signal.SIGUSR1)

    def login(self, user):
        """A client of a user. Only the first has its key in an encrypted collaboration."""
        from vantage6.client import UserClient
        client = UserClient(hq_url=self.url, auth_url=self.auth_url, log_level="error")
        client.initialize_service_account(self.clients[f"{user}-user-client"]["secret"], username=user)
        client.authenticate_service_account()
        # A service account has no other way to learn who it is.
        client._finalize_successful_authentication({"access_token": client.token})
        if self.encrypted and user == "user-alpha":
            client.setup_encryption(str(self.folder / "alpha/private_key.pem"))
        return client

    def dataframe(self, label):
        """The id of the session's dataframe of the databases by this label."""
        if label not in self.dataframes:
            organizations = [self.client.organization.get(self.ids[name]) for name in self.NODES if label in self.databases[name]]
            # The client asks all organizations, and those that have no such database fail.
            made = self.client.request(f"session/{self.session}/dataframe", method="post", json={"label": label, "name": label, "task": {
                "image": "v6-flower-extract", "method": EXTRACTION[1],
                "organizations": [{"id": o["id"], "arguments": self.client.cryptor.encrypt_bytes_to_str(b"{}", o["public_key"])} for o in organizations]}})
            assert "id" in made, made
            task = made["last_session_task"]["id"]
            assert self.wait(task) == "completed", [run["log"] for run in self.runs(task)]
            self.dataframes[label] = made["id"]
        return self.dataframes[label]

    def task(self, image, kwargs, at="alpha", method="central", databases=("default",), client=None, action=None, **more):
        client, names = client or self.client, [at] if isinstance(at, str) else at
        where = {} if "study" in more else {"collaboration": self.collaboration}
        task = client.task.create(
            organizations=[self.ids[name] for name in names], name="test", description="", image=image, session=self.session, method=method, arguments=kwargs,
            action=action or ("central_compute" if method == "central" else "federated_compute"),
            databases=[{"dataframe_id": self.dataframe(label)} for label in databases], **where, **more)
        assert "id" in task, task
        return task["id"]

    def runs(self, task):
        return self.client.request("run", params={"task_id": task})["data"]

    def is_over(self, run):
        """A run is over when it has an end. A word of failure may pass; what never started has a lasting one."""
        if run["finished_at"]:
            return True
        if run["status"] not in FAILED:
            self.doubted.pop(run["id"], None)
            return False
        return time.monotonic() - self.doubted.setdefault(run["id"], time.monotonic()) > DOUBT

    def status(self, task):
        """The word of a task's runs: of one that is not over, else of one that failed."""
        runs = self.runs(task)
        words = [[run["status"] for run in runs if not self.is_over(run)], [run["status"] for run in runs if run["status"] in FAILED]]
        for found in words:
            if found:
                return min(found, key=lambda word: ("active", "initializing", "pending").index(word) if word not in FAILED else 3)
        return "completed"

    def ended(self, task):
        """The task's status when it is over."""
        return self.status(task) if all(self.is_over(run) for run in self.runs(task)) else None
