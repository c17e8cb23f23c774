"""A network of vantage6 4.15, and what its users do in it."""
import secrets
import shutil
import uuid

from . import compat
from .. import state
from ..engine import HOST_ADDRESS
from ..processes import LOGGING, Processes, free_port

compat.prepare()

FINAL = {"completed", "failed", "crashed", "killed by user", "non-existing Docker image", "not allowed", "unknown error"}


class Bench(Processes):
    """Three organizations with a node and a user each, one collaboration, one study of the last two, and a store.

    `databases` gives each node its databases: {node: {label: path}}, or for a server {label: {"URI": …, "TYPE": …}}; `engine` is the Docker engine of its nodes, if they have one;
    `store` gives the server a large result store.
    """

    def __init__(self, databases, encrypted=False, node_config=None, engine=None, store=False):
        super().__init__()
        self.blobs = self.folder / "blobs" if store else None
        self.engine, self.databases, self.encrypted, self.node_config, self.configs = engine, databases, encrypted, node_config or {}, {}
        self.password = secrets.token_urlsafe(12) + "aA1!"
        self.port, self.store_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.store_url = f"http://127.0.0.1:{self.store_port}"

    def up(self):
        import yaml
        keys = {name: str(uuid.uuid4()) for name in self.NODES}
        blank = dict.fromkeys(("domain", "address1", "address2", "zipcode", "country", "public_key"), "")
        user = lambda name: {"username": name, "firstname": name, "lastname": "Bench", "email": f"{name}@bench.invalid", "password": self.password}  # noqa: E731
        fixture = {
            "organizations": [{"name": name, **blank, "users": [user(f"user-{name}")]} for name in self.NODES],
            "collaborations": [{"name": "bench", "encrypted": self.encrypted,
                                "participants": [{"name": name, "api_key": keys[name]} for name in self.NODES]}]}
        self.write("fixture.yaml", yaml.safe_dump(fixture))
        store = {"large_result_store": {"type": "files", "folder": str(self.blobs)}} if self.blobs else {}
        self.write("server.yaml", yaml.safe_dump({
            **store, "description": "bench", "ip": "127.0.0.1", "port": self.port, "api_path": "/api", "allow_drop_all": False,
            "uri": f"sqlite:///{self.folder}/server.sqlite", "dev": {"host_uri": "127.0.0.1"}, "server_url": f"{self.url}/api", "jwt_secret_key": secrets.token_hex(32), "logging": {**LOGGING, "file": "server.log"}}))
        self.start_server(self.folder / "fixture.yaml")
        self.write("store.yaml", yaml.safe_dump({
            "description": "bench",
            "ip": "127.0.0.1", "port": self.store_port, "api_path": "/api", "allow_drop_all": False, "uri": f"sqlite:///{self.folder}/store.sqlite",
            "policies": {"assign_review_own_algorithm": True, "min_reviewers": 1, "min_reviewing_organizations": 1, "algorithm_view": "public", "allowed_servers": [f"{self.url}/api"], "allow_localhost": True},
            "root_user": {"v6_server_uri": f"{self.url}/api", "username": "user-alpha", "email": "user-alpha@bench.invalid", "organization_id": 2},
            "dev": {"host_uri": "127.0.0.1", "disable_review": False, "review_own_algorithm": True}, "logging": {**LOGGING, "file": "store.log"}}))
        self.start("store", "bench.v4.store", self.folder / "store.yaml", "127.0.0.1", self.store_port)
        for name in self.NODES:
            folder = self.folder / name
            folder.mkdir()
            if self.encrypted:
                from vantage6.common.encryption import RSACryptor
                # The client's cryptor is one for the process, so alpha has one key on all benches.
                own = state.FOLDER / "alpha.pem" if name == "alpha" else folder / "private_key.pem"
                if not own.exists():
                    RSACryptor.create_new_rsa_key(own)
                if name == "alpha":
                    shutil.copy(own, folder / "private_key.pem")
            config = {"api_key": keys[name], "server_url": "http://127.0.0.1", "port": self.port, "api_path": "/api", "task_dir": str(folder / "tasks"),
                      "logging": {**LOGGING, "file": "node.log"},
                      "encryption": {"enabled": self.encrypted, "private_key": str(folder / "private_key.pem") if self.encrypted else ""},
                      # without this, an image that no registry has is refused
                      "policies": {"require_algorithm_pull": False},
                      "directories": {"data": str(folder / "data"), "log": str(folder / "log")}}
            self.configs[name] = {**config, **self.node_config.get(name, {})}
            self.start_node(name)
        self.wait_answer("store", f"{self.store_url}/api/version")
        self.client = self.login("user-alpha")
        organizations = self.client.organization.list()["data"]
        self.ids = {name: next(o["id"] for o in organizations if o["name"] == name) for name in self.NODES}
        self.collaboration = self.client.collaboration.list()["data"][0]["id"]
        self.wait_online(self.NODES)
        self.study = self.client.study.create(name="two", organizations=[self.ids["beta"], self.ids["gamma"]], collaboration=self.collaboration)["id"]

    def start_server(self, *fixture):
        self.start("server", "bench.v4.server", self.folder / "server.yaml", "127.0.0.1", self.port, *fixture)
        self.wait_answer("server", f"{self.url}/api/health")

    def database(self, node, label):
        """How a node's configuration says what it has by a label."""
        place = self.databases[node][label]
        if isinstance(place, dict):
            # A server has an address, and what its administrator says beside it.
            beside = {key: value for key, value in place.items() if key not in ("URI", "TYPE")}
            return {"label": label, "uri": place["URI"], "type": place["TYPE"], "env": beside}
        # The node copies all files into one folder by their names.
        return {"label": label, "uri": str(shutil.copy(place, self.folder / node / f"{label}{place.suffix}")), "type": "csv"}

    def start_node(self, name):
        import yaml
        databases = [self.database(name, label) for label in self.databases[name]]
        self.write(f"{name}.yaml", yaml.safe_dump({**self.configs[name], "databases": databases}))
        environment = {"PROXY_SERVER_HOST": "127.0.0.1", "PROXY_SERVER_PORT": str(free_port()), "BENCH_NODE": name}
        if self.engine:
            environment.update(PROXY_SERVER_HOST=HOST_ADDRESS, DOCKER_HOST=self.engine.url)
        self.start(name, "bench.v4.node", self.folder / f"{name}.yaml", name, environment=environment)

    def login(self, user):
        """A client of a user. Only the first has its key in an encrypted collaboration: vantage6's cryptor is one for the process,
        and another user's would upload the first one's public key as its own."""
        from vantage6.client import UserClient
        client = UserClient("http://127.0.0.1", self.port, "/api", log_level="error")
        client.authenticate(user, self.password)
        if not self.encrypted or user == "user-alpha":
            client.setup_encryption(str(self.folder / "alpha/private_key.pem") if self.encrypted else None)
        return client

    def task(self, image, kwargs, at="alpha", method="central", databases=("default",), client=None, **more):
        client = client or self.client
        where = {} if "study" in more else {"collaboration": self.collaboration}
        task = client.task.create(organizations=[self.ids[at]], name="test", description="", image=image, databases=[{"label": d} for d in databases],
                                  input_={"method": method, "kwargs": kwargs}, **where, **more)
        assert "id" in task, task
        return task["id"]

    def status(self, task):
        return self.client.request(f"task/{task}/status")["status"]

    def ended(self, task):
        """The task's status when it is over."""
        status = self.status(task)
        return status if status in FINAL else None
