"""`Strategy.start`, watched from outside: each round ends with a snapshot, and a run that died goes on behind its last.

flwr's own loop runs as it is. On the strategy's instance the four methods that it calls are wrapped, and `evaluate_fn` and `should_stop`:
rounds that a snapshot covers answer with what was recorded and send nothing.
"""

import functools
import inspect
import json

from flwr.app import ArrayRecord, ConfigRecord, MetricRecord
from flwr.serverapp.strategy import Result, Strategy

from . import arrays as safetensors
from . import messages as codec
from .grid import Host
from .state import Memory, NotKept, generators, set_generators


class Rounds:
    """What the host knows of the rounds, and the Result that the last `start` gave."""

    def __init__(self, host: Host, snapshot: "tuple[dict, dict] | None") -> None:
        self._host = host
        self._snapshot = snapshot
        self._started = False
        self.result: "Result | None" = None

    def watch(self) -> None:
        """Wraps `start` of flwr's Strategy and of each subclass that has one of its own."""
        _wrap(Strategy, self._start)
        for kind in _subclasses(Strategy):
            if "start" in vars(kind):
                _wrap(kind, self._keep)

    def _keep(self, original, strategy, *args, **kwargs):
        result = original(strategy, *args, **kwargs)
        if isinstance(result, Result):
            self.result = result
        return result

    def _start(self, original, strategy, *args, **kwargs):
        # Later trainings of one app are repeated from the recorded replies.
        if self._started or type(strategy).start is not Strategy.start:
            return self._keep(original, strategy, *args, **kwargs)
        self._started = True
        call = inspect.signature(original).bind(strategy, *args, **kwargs)
        call.apply_defaults()
        self._host.call("start", strategy=type(strategy).__name__, num_rounds=int(call.arguments["num_rounds"]))
        watched = _Watched(self._host, strategy, call.arguments, self._snapshot)
        self.result = watched.run(lambda: original(*call.args, **call.kwargs))
        return self.result


def _wrap(kind: type, around) -> None:
    original = vars(kind)["start"]

    @functools.wraps(original)
    def start(self, *args, **kwargs):
        return around(original, self, *args, **kwargs)

    kind.start = start


def _subclasses(kind: type):
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


class _Watched:
    """One training."""

    def __init__(self, host: Host, strategy: Strategy, arguments: dict, snapshot: "tuple[dict, dict] | None") -> None:
        self._host = host
        self._strategy = strategy
        self._arguments = arguments
        self._evaluate_fn = arguments["evaluate_fn"]
        # From flwr 1.43 on.
        self._should_stop = arguments.get("should_stop")
        self._stopped = False
        self._metrics: "dict[str, dict[int, MetricRecord]]" = {kind: {} for kind in codec.RESULT}
        self._arrays: "ArrayRecord | None" = None
        self._trained = False
        self._memory: "tuple[ConfigRecord, Memory] | None" = None
        self._places = self._objects()
        self._done = 0
        self._round = 0
        self._keeps = True
        # Wrapping comes last: what is wrapped is none of the strategy's memory.
        if snapshot:
            self._restore(*snapshot)
        self._methods = {
            name: getattr(strategy, name) for name in ("configure_train", "aggregate_train", "configure_evaluate", "aggregate_evaluate")
        }

    def run(self, original) -> Result:
        strategy = self._strategy
        for name in self._methods:
            setattr(strategy, name, getattr(self, "_" + name))
        if self._evaluate_fn:
            self._arguments["evaluate_fn"] = self._evaluate
        if self._should_stop:
            self._arguments["should_stop"] = self._stop
        try:
            result = original()
        finally:
            for name in self._methods:
                delattr(strategy, name)
        self._end_round(result.arrays)
        if self._memory:
            self._put_back()
        return result

    # -- What flwr's loop calls

    def _configure_train(self, server_round, arrays, config, grid):
        self._end_round(arrays)
        if server_round <= self._done:
            return []
        if self._memory:
            self._put_back()
        self._round = server_round
        return self._methods["configure_train"](server_round, arrays, config, grid)

    def _aggregate_train(self, server_round, replies):
        metrics = self._metrics["train_metrics_clientapp"]
        if server_round <= self._done:
            return (self._arrays if server_round == self._done else None), metrics.get(server_round)
        arrays, found = self._methods["aggregate_train"](server_round, replies)
        self._trained = self._trained or arrays is not None
        if found is not None:
            metrics[server_round] = found
        return arrays, found

    def _configure_evaluate(self, server_round, arrays, config, grid):
        if server_round <= self._done:
            return []
        return self._methods["configure_evaluate"](server_round, arrays, config, grid)

    def _aggregate_evaluate(self, server_round, replies):
        metrics = self._metrics["evaluate_metrics_clientapp"]
        if server_round <= self._done:
            return metrics.get(server_round)
        found = self._methods["aggregate_evaluate"](server_round, replies)
        if found is not None:
            metrics[server_round] = found
        return found

    def _evaluate(self, server_round, arrays):
        metrics = self._metrics["evaluate_metrics_serverapp"]
        if server_round < self._done or (server_round == self._done and self._done > 0):
            return metrics.get(server_round)
        found = self._evaluate_fn(server_round, arrays)
        if found is not None:
            metrics[server_round] = found
        return found

    def _stop(self, server_round, result):
        # Asked for covered rounds as well, so that what it counts is counted; what it said then is known.
        answer = bool(self._should_stop(server_round, result))
        if server_round <= self._done:
            return self._stopped and server_round == self._done
        self._stopped = answer
        return answer

    # -- Snapshots

    def _end_round(self, arrays: "ArrayRecord | None") -> None:
        """Tells the host what the round that has just ended left."""
        if self._round <= self._done or self._round == 0:
            return
        self._done = self._round
        blobs = codec.Blobs()
        values = {
            "round": self._round,
            "trained": self._trained,
            "metrics": codec.encode_result(self._metrics),
        }
        if arrays is not None:
            values["arrays"] = blobs.name(arrays)
        if self._keeps:
            memory = Memory(places=self._places)
            try:
                strategy = memory.members(self._attributes(), type(self._strategy).__name__)
                state = {
                    "memory": ConfigRecord({
                        "stopped": self._stopped, "strategy": json.dumps(strategy),
                        "generators": json.dumps(memory.members(generators(), "generators")),
                    }),
                    "arrays": safetensors.from_ndarrays({str(i): array for i, array in enumerate(memory.arrays)}),
                }  # fmt: skip
                values["state"] = codec.encode_records(state, blobs)
            except NotKept as problem:
                self._keeps = False
                values["unkept"] = str(problem)
        self._host.call("snapshot", blobs, **values)

    def _objects(self) -> "set[tuple]":
        """Where the strategy has objects when it starts."""
        memory = Memory()
        try:
            memory.members(vars(self._strategy), type(self._strategy).__name__)
        except NotKept:
            # Nor is it kept later, unless that goes.
            pass
        return memory.found

    def _attributes(self) -> dict:
        return {name: value for name, value in vars(self._strategy).items() if name not in self._methods}

    def _restore(self, head: dict, blobs: dict) -> None:
        self._done = self._round = head["round"]
        self._trained = head["trained"]
        self._metrics = codec.decode_result(head["metrics"])
        if self._trained:
            self._arrays = safetensors.decode(blobs[head["arrays"]])
        state = codec.decode_records(head["state"], blobs)
        self._stopped = state["memory"]["stopped"]
        kept = state["arrays"]
        self._memory = state["memory"], Memory([kept[str(number)].numpy() for number in range(len(kept))])

    def _put_back(self) -> None:
        texts, memory = self._memory
        self._memory = None
        memory.put_back(json.loads(texts["strategy"]), self._strategy)
        set_generators({name: memory.read(state) for name, state in json.loads(texts["generators"]).items()})
