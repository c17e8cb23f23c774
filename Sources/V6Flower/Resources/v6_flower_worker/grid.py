"""Flower's Grid, answered by the program that started the worker: a fan-out is one vantage6 task."""

import inspect
import itertools
import threading
import time
from collections.abc import Iterable

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid

from . import messages as codec
from .frames import Channel, Closed

# Messages that threads send within so many seconds of each other travel together.
_GATHERING = 0.02


class Host:
    """Calls to the program that started the worker: each has a number, and its answer comes when it comes."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._answers: dict = {}
        self._problem: "Exception | None" = None
        self._arrived = threading.Condition(self._lock)

    def start(self) -> None:
        """Begins to listen for answers."""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while True:
                head, blobs = self._channel.receive()
                with self._lock:
                    self._answers[head["id"]] = head, blobs
                    self._arrived.notify_all()
        except Exception as error:
            with self._lock:
                self._problem = error
                self._arrived.notify_all()

    def call(self, name: str, blobs: "codec.Blobs | None" = None, **values) -> "tuple[dict, dict]":
        """The answer to a call. Raises `GridError` where the program could not do what was asked."""
        number = next(self._numbers)
        self._channel.send({"call": name, "id": number, **values}, blobs.parts if blobs else None)
        with self._lock:
            while number not in self._answers:
                if self._problem is not None:
                    raise Closed from self._problem
                self._arrived.wait()
            head, blobs = self._answers.pop(number)
        if "problem" in head:
            raise GridError(head["problem"])
        return head, blobs


class GridError(RuntimeError):
    """What vantage6 could not do, in one sentence."""


class TaskGrid(Grid):
    """Flower's Grid on vantage6's tasks."""

    def __init__(self, host: Host, run, nodes: "dict[int, str]", own_id: int) -> None:
        self._host = host
        self._run = run
        self._names = nodes
        self._node_ids = list(nodes)
        self._own_id = own_id
        self._gatherer = _Gatherer(self._send)
        self._idle_questions = 0
        # The arrays that were sent last: what a run is worth that leaves nothing else.
        self.last_arrays = None

    def set_run(self, run) -> None:
        self._run = run

    @property
    def run(self):
        return self._run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: "float | None" = None
    ) -> Message:
        return Message(content, dst_node_id, message_type, group_id=group_id, ttl=ttl)

    def get_node_ids(self) -> "list[int]":
        # Strategies wait for nodes by asking again and again; here nobody can come.
        if threading.current_thread() is threading.main_thread():
            self._idle_questions += 1
            if self._idle_questions > 10:
                raise GridError(
                    f"the ServerApp waits for more nodes than the {len(self._node_ids)} organizations of this task: ask for fewer "
                    "(min_available_nodes, min_train_nodes, min_evaluate_nodes), or start the task for more organizations"
                )
        return list(self._node_ids)

    def get_nodes(self):
        try:
            from flwr.proto.node_pb2 import NodeInfo
        except ImportError:
            raise NotImplementedError("Grid.get_nodes needs a newer flwr: use get_node_ids") from None
        has_names = "name" in NodeInfo.DESCRIPTOR.fields_by_name
        return [
            NodeInfo(node_id=node_id, name=self._names[node_id]) if has_names else NodeInfo(node_id=node_id)
            for node_id in self.get_node_ids()
        ]

    def push_messages(self, messages: Iterable[Message]) -> "list[str]":
        messages = list(messages)
        if not messages:
            return []
        head, _ = self._ask("push", messages)
        return head["ids"]

    def pull_messages(
        self, reply_to_message_ids: "Iterable[str] | None" = None, *, message_ids: "Iterable[str] | None" = None
    ) -> "list[Message]":
        if message_ids is not None:
            if reply_to_message_ids is not None:
                raise TypeError("pull_messages takes reply_to_message_ids or its old name message_ids, not both")
            reply_to_message_ids = message_ids
        self._idle_questions = 0
        # Without ids: whatever is there.
        values = {} if reply_to_message_ids is None else {"ids": list(reply_to_message_ids)}
        return self._replies(*self._host.call("pull", **values))

    def send_and_receive(self, messages: Iterable[Message], *, timeout: "float | None" = None) -> "list[Message]":
        messages = list(messages)
        if not messages:
            return []
        if threading.current_thread() is threading.main_thread():
            return self._send(messages, timeout)
        return self._gatherer.send(messages, timeout)

    def _send(self, messages: "list[Message]", timeout: "float | None") -> "list[Message]":
        if timeout is not None:
            timeout = float(timeout) if timeout < float("inf") else None
        return self._replies(*self._ask("send", messages, timeout=timeout))

    def _ask(self, call: str, messages: "list[Message]", **values) -> "tuple[dict, dict]":
        self._idle_questions = 0
        blobs = codec.Blobs()
        for message in messages:
            metadata = message.metadata.__dict__
            metadata["_run_id"], metadata["_src_node_id"] = self._run.run_id, self._own_id
            self._remember(message)
        head, received = self._host.call(call, blobs, messages=[codec.encode(message, blobs) for message in messages], **values)
        for message, number in zip(messages, head["ids"]):
            message.metadata.__dict__["_message_id"] = number
        return head, received

    def _replies(self, head: dict, blobs: dict) -> "list[Message]":
        replies = [codec.decode(json, blobs) for json in head["replies"]]
        self._idle_questions = 0
        return replies

    def _remember(self, message: Message) -> None:
        if message.has_content():
            for record in message.content.array_records.values():
                self.last_arrays = record


class _Gatherer:
    """Messages that threads send one by one, as flwr's old Server does, in one fan-out: sorted, so that a run repeats itself."""

    def __init__(self, send) -> None:
        self._send = send
        self._lock = threading.Condition()
        self._waiting: list = []
        self._latest = 0.0

    def send(self, messages: "list[Message]", timeout: "float | None") -> "list[Message]":
        entry = {"messages": messages, "timeout": timeout}
        with self._lock:
            leads = not self._waiting
            self._waiting.append(entry)
            self._latest = time.monotonic()
            if not leads:
                while "replies" not in entry and "error" not in entry:
                    self._lock.wait()
        if leads:
            self._lead()
        if "error" in entry:
            raise entry["error"]
        return entry["replies"]

    def _lead(self) -> None:
        while True:
            with self._lock:
                left = self._latest + _GATHERING - time.monotonic()
                if left <= 0:
                    entries, self._waiting = self._waiting, []
                    break
            time.sleep(left)
        entries.sort(key=lambda entry: [(m.metadata.dst_node_id, m.metadata.message_type) for m in entry["messages"]])
        timeouts = [entry["timeout"] for entry in entries]
        try:
            replies = self._send(
                [message for entry in entries for message in entry["messages"]], None if None in timeouts else max(timeouts)
            )
            by_question = {(reply.metadata.reply_to_message_id): reply for reply in replies}
        except Exception as error:
            with self._lock:
                for entry in entries:
                    entry["error"] = error
                self._lock.notify_all()
            return
        with self._lock:
            for entry in entries:
                ids = [message.metadata.message_id for message in entry["messages"]]
                entry["replies"] = [by_question[number] for number in ids if number in by_question]
            self._lock.notify_all()


def make_run(run_id: int, config: dict):
    """flwr's Run, whatever its version has for fields."""
    try:
        from flwr.supercore.run import Run
    except ImportError:
        from flwr.common.typing import Run
    values = {"run_id": run_id, "override_config": config}
    empty = {"str": "", "int": 0, "float": 0.0}
    for name, parameter in inspect.signature(Run).parameters.items():
        if name in values or parameter.default is not parameter.empty:
            continue
        kind = parameter.annotation if isinstance(parameter.annotation, str) else getattr(parameter.annotation, "__name__", "")
        values[name] = empty.get(kind)
    return Run(**values)


def identify(run_id: int, node_id: int) -> None:
    """Tells flwr who this process is; versions before 1.34 take it from each message."""
    try:
        from flwr.supercore.task_identity import TaskIdentity
    except ImportError:
        return
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = run_id, node_id, 1
