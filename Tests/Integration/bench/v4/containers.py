"""The part of the Docker SDK that a vantage6 node uses, with subprocesses for containers.

Everything above it (Node, DockerManager, DockerTaskManager, proxy, NodeClient) is the real code. A container becomes a
process that has exactly the environment a container would have; its mounts are bind mounts in a private mount namespace.
"""
import itertools
import os
import pathlib
import signal
import subprocess
import time

import docker

from ..images import command
from ..mounts import PATH, mounted
from ..state import FOLDER

NODE = os.environ["BENCH_NODE"]


class Container:
    serial = itertools.count(1)

    def __init__(self, image, environment, volumes, name, labels, client):
        self.id, self.name, self.labels, self.client = f"{os.getpid()}-{next(self.serial)}", name, labels, client
        self.log_path = client.root / f"{name}.log"
        env = {"PATH": PATH, "HOME": "/root", "HOSTNAME": self.id,
               **{k: str(v) for k, v in environment.items()}}
        mounts = []
        for source, how in volumes.items():
            path = pathlib.Path(source) if os.path.isabs(str(source)) else client.volumes.path(source)
            mounts.append((str(path), how["bind"], how["mode"]))
        argv = mounted(command(image, NODE), "/mnt", mounts)
        self.out = open(self.log_path, "wb")
        self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=self.out,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.status, self.attrs = "running", {"State": {"ExitCode": 0}, "NetworkSettings": {"Networks": {}}}

    def reload(self):
        code = self.process.poll()
        if code is not None:
            self.status = "exited"
            self.attrs["State"]["ExitCode"] = code if code >= 0 else 128 - code

    def logs(self, stream=False):
        if not stream:
            return self.log_path.read_bytes()
        return self._follow()

    def _follow(self):
        with open(self.log_path, "rb") as fh:
            while True:
                done = self.process.poll() is not None
                chunk = fh.read(16384)
                if chunk:
                    yield chunk
                elif done:
                    return
                else:
                    time.sleep(0.1)

    def kill(self, sig=signal.SIGKILL):
        try:
            os.killpg(self.process.pid, sig)
        except ProcessLookupError:
            pass

    def stop(self, timeout=10):
        self.kill(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def remove(self, force=False):
        if force:
            self.kill()
        self.process.wait()
        self.out.close()
        self.client.containers.all.pop(self.name, None)


class Containers:
    def __init__(self, client):
        self.client, self.all = client, {}

    def run(self, image, detach=True, environment=None, volumes=None, name=None, labels=None, **_):
        try:
            box = Container(image, environment or {}, volumes or {}, name, labels or {}, self.client)
        except OSError as error:
            raise docker.errors.APIError(str(error))
        self.all[name] = box
        return box

    def list(self, all=False, filters=None, **_):
        filters, found = filters or {}, []
        labels = filters.get("label", [])
        labels = [labels] if isinstance(labels, str) else labels
        for box in list(self.all.values()):
            box.reload()
            if not all and box.status != "running":
                continue
            if "name" in filters and filters["name"] not in box.name:
                continue
            if all_match(box.labels, labels):
                found.append(box)
        return found


def all_match(have, want):
    return set(want) <= {f"{key}={value}" for key, value in have.items()}


class Images:
    def list(self, name=None, **_):
        return [name] if command(name, NODE) else []

    def pull(self, name, **_):
        if not command(name, NODE):
            raise docker.errors.ImageNotFound(f"no process for image {name}")
        return name


class Volumes:
    def __init__(self, root):
        self.root = root

    def path(self, name):
        return self.root / name

    def get(self, name):
        if not self.path(name).is_dir():
            raise docker.errors.NotFound(name)
        return name

    def create(self, name, **_):
        self.path(name).mkdir(parents=True, exist_ok=True)
        return name


class Network:
    def __init__(self, name):
        self.name, self.containers, self.attrs = name, [], {"Containers": {}}

    def reload(self):
        pass

    def remove(self):
        pass

    def connect(self, *_, **__):
        pass

    disconnect = connect


class Networks:
    def __init__(self):
        self.all = {}

    def list(self, names=(), **_):
        return [self.all[n] for n in names if n in self.all]

    def create(self, name, **_):
        return self.all.setdefault(name, Network(name))


class Client:
    def __init__(self):
        self.root = FOLDER / "containers"
        self.root.mkdir(parents=True, exist_ok=True)
        self.containers, self.images = Containers(self), Images()
        self.volumes, self.networks = Volumes(self.root / "volumes"), Networks()

    def ping(self):
        return True


def install():
    client = Client()
    docker.from_env = lambda *_, **__: client
    docker.DockerClient.from_env = staticmethod(lambda *_, **__: client)
