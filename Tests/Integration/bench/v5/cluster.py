"""The part of the Kubernetes client that a vantage6 node uses, with processes for pods.

Everything above it (Node, ContainerManager, RunIO, sessions, proxy) is the real code. A pod's only container becomes the first
process of a process namespace, with the environment, the host paths and the terminal that the node asks for. What a pod does is
seen as a kubelet sees it: once a second. A job's failed pod is not started again, since the node deletes a job at its first
failure; one that is evicted is. Pods end with the process that this runs in.
"""
import os
import pathlib
import random
import signal
import subprocess
import threading
import time
from types import SimpleNamespace as Named

from kubernetes.client.rest import ApiException

from ..images import command
from ..mounts import PATH, mounted
from ..state import FOLDER

NODE = os.environ["BENCH_NODE"]
GRACE = 30
pods, jobs, secrets = {}, {}, {}
# Pods that are no more, as they were last.
gone = []


class Pod:
    def __init__(self, template, job):
        [box] = template.spec.containers
        self.name, self.labels = f"{job}-{random.randrange(16 ** 5):05x}", {**template.metadata.labels, "job-name": job}
        self.log = FOLDER / NODE / "pods" / f"{self.name}.log"
        self.log.touch()
        self.process, self.ended, self.is_gone = None, None, False
        argv = command(box.image, NODE)
        if argv is None:
            return
        environment = {"PATH": PATH, "HOME": "/root", "HOSTNAME": self.name, "TERM": "xterm", **{entry.name: entry.value for entry in box.env}}
        for source in box.env_from:
            environment.update(secrets[source.secret_ref.name])
        paths = {volume.name: volume.host_path.path for volume in template.spec.volumes}
        mounts = [(paths[mount.name], mount.mount_path, "ro" if mount.read_only else "rw") for mount in box.volume_mounts]
        self.terminal, other_end = os.openpty()
        self.process = subprocess.Popen(
            mounted(argv, "/app", mounts, "-p", "-f", "--kill-child", "--mount-proc"), env=environment, stdin=other_end, stdout=other_end,
            stderr=other_end, start_new_session=True)
        os.close(other_end)
        self.started = time.time()
        # The first look of its kubelet, before it starts.
        self.looks = self.started - random.random()
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        with open(self.log, "ab", buffering=0) as log:
            try:
                while text := os.read(self.terminal, 65536):
                    log.write(text)
            except OSError:     # how a terminal ends
                pass
        os.close(self.terminal)
        self.process.wait()
        self.ended = time.time()

    @property
    def phase(self):
        if self.process is None:
            return "Pending"
        if not self.is_gone:
            seen = self.looks + int(time.time() - self.looks)
            if seen < self.started:
                return "Pending"
            if self.ended is None or self.ended > seen:
                return "Running"
        return "Failed" if self.process.returncode else "Succeeded"

    def described(self):
        phase = self.phase
        reason = "ImagePullBackOff" if self.process is None else "ContainerCreating"
        waiting = Named(reason=reason) if phase == "Pending" else None
        return Named(metadata=Named(name=self.name, labels=self.labels),
                     status=Named(phase=phase, container_statuses=[Named(state=Named(waiting=waiting))]))

    def signal(self, which):
        """Sends a signal to its first process, which ignores what it has no handler for."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            for child in children.read_text().split():
                os.kill(int(child), which)
        except (FileNotFoundError, ProcessLookupError):     # it has ended
            pass

    def end(self):
        if self.process is not None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.process.wait()
            # Before a pod is gone its kubelet says how it ended.
            self.is_gone = True
        gone.append(self.described())
        pods.pop(self.name, None)


def selected(descriptions, label_selector):
    key, value = label_selector.split("=")
    return [pod for pod in descriptions if pod.metadata.labels.get(key) == value]


def end():
    for pod in list(pods.values()):
        if pod.process is not None:
            pod.signal(signal.SIGKILL)


def evict():
    """What a cluster does that needs the machine: pods end, and their jobs start others."""
    for name, job in list(jobs.items()):
        evicted, job.pod = job.pod, Pod(job.template, name)
        pods[job.pod.name] = job.pod
        evicted.end()


def known(table, name):
    if name not in table:
        raise ApiException(status=404, reason=f"there is no {name}")
    return table[name]


class BatchV1Api:
    def create_namespaced_job(self, namespace, body):
        pod = Pod(body.spec.template, body.metadata.name)
        pods[pod.name] = pod
        jobs[body.metadata.name] = Named(metadata=body.metadata, template=body.spec.template, pod=pod)

    @property
    def _all(self):
        def described(job):
            phase = job.pod.phase
            return Named(metadata=job.metadata, status=Named(succeeded=int(phase == "Succeeded"), failed=int(phase == "Failed")))
        return {name: described(job) for name, job in list(jobs.items())}

    def list_namespaced_job(self, namespace, label_selector):
        return Named(items=list(self._all.values()))

    def read_namespaced_job(self, name, namespace):
        return known(self._all, name)

    def delete_namespaced_job(self, name, namespace):
        del jobs[name]


class CoreV1Api:
    def read_namespace(self, name):
        return Named()

    def create_namespaced_pod(self, namespace, body):
        """The node tries whether it may."""

    def list_namespaced_pod(self, namespace, label_selector, **_):
        return Named(items=selected([pod.described() for pod in list(pods.values())], label_selector))

    def read_namespaced_pod(self, name, namespace):
        return known(pods, name).described()

    def delete_namespaced_pod(self, name, namespace):
        # The pod that the node tries with is not here.
        if name in pods:
            threading.Thread(target=pods[name].end, daemon=True).start()

    def read_namespaced_pod_log(self, name, namespace, **_):
        return known(pods, name).log.read_bytes().decode(errors="replace")

    def create_namespaced_secret(self, namespace, body):
        secrets[body.metadata.name] = dict(body.string_data)

    def delete_namespaced_secret(self, name, namespace):
        known(secrets, name)
        del secrets[name]


class Watch:
    def __init__(self):
        self.stopped = False

    def stop(self):
        self.stopped = True

    def stream(self, func, **arguments):
        return (self.lines if func.__name__ == "read_namespaced_pod_log" else self.changes)(func, **arguments)

    def changes(self, func, namespace, label_selector, timeout_seconds):
        """Each state of the pods, when it is another than before. Of what is deleted meanwhile, the last one, too."""
        seen, earlier, end = {}, len(gone), time.time() + timeout_seconds
        while not self.stopped and time.time() < end:
            for pod in func(namespace, label_selector).items + selected(gone[earlier:], label_selector):
                if seen.get(pod.metadata.name) != pod.status.phase:
                    seen[pod.metadata.name] = pod.status.phase
                    yield {"object": pod}
            time.sleep(0.05)

    def lines(self, func, name, namespace):
        """The lines of a pod's log until it ends."""
        given = 0
        while not self.stopped and name in pods:
            over, lines = pods[name].ended is not None, func(name, namespace).split("\n")
            yield from lines[given:-1]
            given = len(lines) - 1
            if over:
                return
            time.sleep(0.1)


def install():
    import kubernetes
    kubernetes.config.load_incluster_config = lambda: None
    kubernetes.client.BatchV1Api, kubernetes.client.CoreV1Api = BatchV1Api, CoreV1Api
    kubernetes.watch.Watch = Watch
    import vantage6.node.k8s.container_manager as manager
    # It would start a pod that looks for the internet.
    manager.validate_algorithm_isolation = lambda **_: (True, "")
