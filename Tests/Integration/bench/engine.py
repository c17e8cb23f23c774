"""A Docker engine of the bench's own, and the image built on it with the project's Dockerfile."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Debian's docker.io; another one in the path may lack BuildKit.
DOCKER = "/usr/bin/docker"
# The engine's first bridge: where containers find the host, and so their node's proxy.
HOST_ADDRESS = "172.29.0.1"


def bridges():
    """The bridges that engines have made for networks."""
    return {path.name for path in pathlib.Path("/sys/class/net").glob("br-*")}


class Engine:
    """Started and gone with the `with` statement; `problem` tells why there is none."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="v6-flower-engine-"))
        self.url = f"unix://{self.folder}/docker.sock"
        self.process, self.problem = None, None
        self.bridges = bridges()

    def __enter__(self):
        if not pathlib.Path("/usr/sbin/dockerd").exists() or not pathlib.Path(DOCKER).exists():
            self.problem = "Debian's docker.io is not installed"
            return self
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["/usr/sbin/dockerd", "--iptables=false", "--ip6tables=false", f"--bip={HOST_ADDRESS}/16", "--data-root", self.folder / "data",
                 "--exec-root", self.folder / "run", "--pidfile", self.folder / "pid", "--host", self.url], stdout=log, stderr=subprocess.STDOUT)
        for _ in range(300):
            if self.process.poll() is not None:
                self.problem = "dockerd ended: " + (self.folder / "log").read_text()[-500:]
                return self
            if subprocess.run([DOCKER, "-H", self.url, "info"], capture_output=True).returncode == 0:
                self.try_out()
                return self
            time.sleep(0.1)
        self.problem = "dockerd does not answer"
        return self

    def try_out(self):
        """Whether containers and their networks can be had on this machine at all: with /bin/true and its libraries."""
        root = self.folder / "true"
        libraries = [word for word in subprocess.run(["ldd", "/bin/true"], check=True, capture_output=True, text=True).stdout.split() if word.startswith("/")]
        for file in ["/bin/true", *libraries]:
            target = root / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        try:
            self.import_folder(root, "local/true:bench")
            self.docker("network", "create", "try-out")
            self.docker("run", "--rm", "--network", "try-out", "local/true:bench", "/bin/true")
            self.docker("network", "rm", "try-out")
        except AssertionError as error:
            self.problem = f"this machine runs no containers: {error}"

    def __exit__(self, *_):
        if self.process:
            # Bridges outlive their engine, and the next one finds no addresses left where many do.
            for container in self.docker("ps", "--all", "--quiet").split():
                self.docker("rm", "--force", container)
            self.docker("network", "prune", "--force")
            self.process.terminate()
            self.process.wait(60)
        shutil.rmtree(self.folder)
        left = bridges() - self.bridges
        assert not left, f"the engine left bridges: {left}"

    def docker(self, *arguments, stdin=None):
        done = subprocess.run([DOCKER, "-H", self.url, *map(str, arguments)], stdin=stdin, capture_output=True, text=True,
                              env={**os.environ, "DOCKER_BUILDKIT": "1"})
        assert done.returncode == 0, f"docker {arguments[0]}: {done.stderr[-1000:]}"
        return done.stdout

    def import_folder(self, root, name):
        """Makes an image of a folder's files."""
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
            self.docker("import", "-", name, stdin=tar.stdout)
        assert tar.returncode == 0, f"tar of {root}"

    def build(self, name, *arguments):
        """Builds an image with the Dockerfile as it stands. Its first stage is what scripts/image-root does, on this machine: there
        is no registry here to have a Swift image from."""
        root = self.folder / "root"
        if not root.exists():
            subprocess.run([ROOT / "scripts/image-root", root / "image"], check=True, capture_output=True)
            self.import_folder(root, "local/image-root:bench")
        self.docker("build", "--build-arg", "ROOT=local/image-root:bench", "--tag", name, *arguments, ROOT)

    def python_base(self, packages):
        """A stand-in for the public Python image: Debian's own Python, with packages of this machine's index, since a build here has no
        network."""
        base = self.folder / "python"
        run = lambda *command: subprocess.run(command, check=True, capture_output=True)  # noqa: E731
        run("debootstrap", "--variant=minbase", "--include=python3,python3-pip", "bookworm", base)
        # As in the public image, pip may install.
        (base / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink()
        # With what scripts/python has downloaded.
        uv, site = ROOT / ".build/uv", base / "usr/local/lib/python3.11/dist-packages"
        run(uv / "bin/uv", "pip", "install", "--quiet", "--compile-bytecode", "--cache-dir", uv / "cache", "--python", os.environ["FLOWER_PYTHON"],
            "--target", site, *packages)
        self.import_folder(base, "local/python:bench")
        shutil.rmtree(base)
        return "local/python:bench"
