"""Reference values of the real strategies: make_vectors.py SEED OUTDIR (needs flwr and numpy from PyPI).

Each JSON file is one case: a strategy of flwr.serverapp.strategy with its options, the initial arrays, and for
every round the replies in the order given and what flwr's aggregate_train answered: arrays and metrics, or the
exception. Arrays are {"dtype", "shape", "data"}: little-endian, C order, base64. Rounds chain.
"""
import base64
import json
import logging
import pathlib
import sys

import flwr
import flwr.serverapp.strategy as S
import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict

try:  # from 1.42 on a message asks who sends it
    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
except ImportError:
    pass

logging.disable(logging.CRITICAL)
SHAPES = {"weight": (3, 4), "bias": (4,), "scale": ()}


def encode(array):
    array = np.asarray(array)
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def record(arrays):
    return ArrayRecord({k: Array(np.asarray(v)) for k, v in arrays.items()})


class Nodes:
    def __init__(self, count):
        self.count = count

    def get_node_ids(self):
        return list(range(1, self.count + 1))


def reply(row):
    ask = Message(RecordDict(), dst_node_id=row["node"], message_type="train")
    if "error" in row:
        return Message(Error(code=row["error"]["code"], reason=row["error"]["reason"]), reply_to=ask)
    content = RecordDict({"arrays": record(row["arrays"]), "metrics": MetricRecord(row["metrics"])})
    return Message(content, reply_to=ask)


def told(row):
    if "error" in row:
        return row
    return {"node": row["node"], "arrays": {k: encode(v) for k, v in row["arrays"].items()}, "metrics": row["metrics"]}


def made_up(rng, count, base, examples):
    rows = []
    for i in range(count):
        arrays = {k: (v + rng.standard_normal(v.shape).astype(v.dtype) * v.dtype.type(0.1 * (1 + i % 3))).astype(v.dtype) for k, v in base.items()}
        metrics = {"num-examples": examples[i] if examples else int(rng.integers(5, 500)), "train_loss": float(rng.random() + 0.1),
                   "acc": [float(rng.random()), float(rng.random())]}
        rows.append({"node": i + 1, "arrays": arrays, "metrics": metrics})
    return rows


def case(out, name, strategy, options, rng, count=5, rounds=3, dtype="float32", examples=None, spoil=None, initial=None, wraps=None):
    try:
        inner = [getattr(S, wraps[0])(**wraps[1])] if wraps else []
        made = getattr(S, strategy)(*inner, **options)
    except Exception as error:
        refusal = {"type": type(error).__name__, "message": str(error)}
        (out / f"{name}.json").write_text(json.dumps({"flwr": flwr.__version__, "strategy": strategy, "options": options, "construct_error": refusal}))
        return
    arrays = initial or {k: rng.standard_normal(s).astype(dtype) for k, s in SHAPES.items()}
    current = record(arrays)
    doc = {"flwr": flwr.__version__, "strategy": strategy, "options": options, "initial": {k: encode(v) for k, v in arrays.items()}, "rounds": []}
    if wraps:
        doc["wraps"] = {"strategy": wraps[0], "options": wraps[1]}
    for number in range(1, rounds + 1):
        config = ConfigRecord()
        list(made.configure_train(number, current, config, Nodes(count)))
        rows = made_up(rng, count, {k: v.numpy() for k, v in current.items()}, examples)
        if spoil:
            spoil(rows)
        entry = {"config": dict(config), "replies": [told(row) for row in rows]}
        doc["rounds"].append(entry)
        try:
            aggregated, metrics = made.aggregate_train(number, [reply(row) for row in rows])
        except Exception as error:  # the case is about which one
            entry["error"] = {"type": type(error).__name__, "message": str(error)}
            break
        entry["expected"] = {
            "arrays": None if aggregated is None else {k: encode(v.numpy()) for k, v in aggregated.items()},
            "metrics": None if metrics is None else dict(metrics),
        }
        if hasattr(made, "clipping_norm"):
            entry["expected"]["clipping_norm"] = made.clipping_norm
        current = aggregated if aggregated is not None else current
    (out / f"{name}.json").write_text(json.dumps(doc))


def accountant(out, rng):
    """What flwr's accountant, and so Google's dp-accounting, says of Gaussian releases that nothing amplifies."""
    from flwr.supercore.privacy_accounting import GaussianPrivacyEvent, NeighboringRelation, PrivacyConfig, SamplingMethod
    from flwr.supercore.privacy_accounting.rdp_accountant import RdpAccountant

    cases = []
    for _ in range(40):
        delta = float(10 ** rng.uniform(-12, -1))
        config = PrivacyConfig(delta, 10, NeighboringRelation.ADD_OR_REMOVE_ONE, SamplingMethod.NO_AMPLIFICATION)
        made, releases = RdpAccountant(config), []
        for _ in range(int(rng.integers(0, 4))):
            releases.append([float(10 ** rng.uniform(-1, 3)), int(rng.integers(1, 200))])
            made.compose(GaussianPrivacyEvent(releases[-1][0], 5, 10), releases[-1][1])
        cases.append({"delta": delta, "releases": releases, "epsilon": made.get_privacy_spent().epsilon})
    (out / "accountant.json").write_text(json.dumps({"flwr": flwr.__version__, "cases": cases}))


OPTIONS = [
    ("FedAvg", {}), ("FedProx", {"proximal_mu": 0.3}), ("FedAvgM", {}), ("FedAvgM", {"server_momentum": 0.9}),
    ("FedAvgM", {"server_learning_rate": 0.5, "server_momentum": 0.7}), ("FedAdagrad", {}), ("FedAdagrad", {"eta": 0.03, "tau": 1e-2}),
    ("FedAdam", {}), ("FedAdam", {"eta": 0.02, "beta_1": 0.8, "beta_2": 0.95, "tau": 1e-4}), ("FedYogi", {}),
    ("FedYogi", {"eta": 0.05, "beta_1": 0.5, "beta_2": 0.9, "tau": 1e-2}), ("FedMedian", {}), ("FedTrimmedAvg", {}), ("FedTrimmedAvg", {"beta": 0.4}),
    ("FedTrimmedAvg", {"beta": 0.0}), ("Krum", {}), ("Krum", {"num_malicious_nodes": 2}), ("MultiKrum", {"num_malicious_nodes": 2, "num_nodes_to_select": 5}),
    ("MultiKrum", {"num_nodes_to_select": 40}), ("Bulyan", {}), ("Bulyan", {"num_malicious_nodes": 2}), ("QFedAvg", {"client_learning_rate": 0.1}),
    ("QFedAvg", {"client_learning_rate": 0.05, "q": 0.0}), ("QFedAvg", {"client_learning_rate": 0.5, "q": 2.0}),
]
# These walk all replies together: more of them, and an even number, too.
ROBUST = ("FedMedian", "FedTrimmedAvg", "Krum", "MultiKrum", "Bulyan")


# What docs/strategies.md says is not here.
LACKING = {"FedXgbBagging", "FedXgbCyclic"}


def check_complete(out):
    """Fails where this flwr has a strategy that no case is of."""
    covered = {json.loads(path.read_text()).get("strategy") for path in out.glob("*.json")}
    missing = set(S.__all__) - {"Strategy", "Result"} - LACKING - covered
    assert not missing, f"flwr {flwr.__version__} has strategies without a case: {missing}"


def main():
    rng = np.random.default_rng(int(sys.argv[1]))
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    accountant(out, rng)
    for dtype in ("float32", "float64"):
        for strategy, options in OPTIONS:
            tag = "-".join(f"{k}_{v}" for k, v in options.items()) or "default"
            case(out, f"{strategy}-{tag}-{dtype}", strategy, options, rng, dtype=dtype, count=11 if strategy in ROBUST else 5)

    def fail(rows):
        rows[2] = {"node": rows[2]["node"], "error": {"code": 2, "reason": "out of memory"}}

    def fail_all(rows):
        rows[:] = [{"node": row["node"], "error": {"code": 2, "reason": "lost"}} for row in rows]

    def nan(rows):
        rows[1]["arrays"]["bias"][2] = np.nan

    def missing(rows):
        del rows[1]["arrays"]["bias"]

    def no_weight(rows):
        for row in rows:
            del row["metrics"]["num-examples"]

    def reorder(rows):
        rows[1]["arrays"] = dict(reversed(rows[1]["arrays"].items()))

    def outlier(rows):
        for row in rows[:2]:
            row["arrays"] = {k: np.asarray(v * v.dtype.type(1000)) for k, v in row["arrays"].items()}

    def alike(rows):
        for row in rows[:4]:
            row["arrays"] = rows[0]["arrays"]

    for strategy in ROBUST:
        for count in (3, 10, 24):
            case(out, f"{strategy}-of-{count}", strategy, {}, rng, count=count)
        case(out, f"{strategy}-alike", strategy, {}, rng, count=6, rounds=1, spoil=alike)
        case(out, f"{strategy}-outlier", strategy, {} if strategy in ("FedMedian", "FedTrimmedAvg") else {"num_malicious_nodes": 2}, rng, count=12, spoil=outlier)
    case(out, "FedMedian-float16", "FedMedian", {}, rng, dtype="float16", count=10)
    case(out, "FedTrimmedAvg-bad-beta", "FedTrimmedAvg", {"beta": 0.5}, rng)
    case(out, "Bulyan-too-few", "Bulyan", {"num_malicious_nodes": 3}, rng, rounds=2)
    case(out, "QFedAvg-no-loss", "QFedAvg", {"client_learning_rate": 0.1, "train_loss_key": "absent"}, rng, rounds=1)
    for strategy in ("FedAvg", "FedAvgM", "FedAdam", "FedYogi", "FedAdagrad", "FedMedian", "FedTrimmedAvg", "Krum"):
        for name, spoil, rounds in (("one-failed", fail, 3), ("all-failed", fail_all, 2), ("nan", nan, 1), ("missing-array", missing, 1),
                                    ("no-weight", no_weight, 1), ("reordered", reorder, 1)):
            case(out, f"{strategy}-{name}", strategy, {}, rng, spoil=spoil, rounds=rounds)
        case(out, f"{strategy}-one-node", strategy, {"min_train_nodes": 1, "min_available_nodes": 1}, rng, count=1)
        case(out, f"{strategy}-zero-for-some", strategy, {}, rng, examples=[0, 5, 0, 7, 3])
        case(out, f"{strategy}-zero-for-all", strategy, {}, rng, examples=[0] * 5, rounds=1)
    case(out, "FedAvg-float16", "FedAvg", {}, rng, dtype="float16")
    case(out, "FedAvg-weighted-by", "FedAvg", {"weighted_by_key": "train_loss"}, rng)

    def counts(rows):
        for i, row in enumerate(rows):
            row["arrays"] = {"count": np.arange(6, dtype=np.int64) * (i + 1)}

    for strategy in ("FedAvg", "FedMedian", "FedTrimmedAvg", "Krum"):
        case(out, f"{strategy}-int64", strategy, {}, rng, spoil=counts, rounds=1, initial={"count": np.zeros(6, np.int64)})

    def norm_bits(rows):
        for i, row in enumerate(rows):
            row["metrics"]["norm_bit"] = i % 2

    fixed = {"noise_multiplier": 0.0, "num_sampled_clients": 5, "clipping_norm": 0.4}
    adaptive = {"noise_multiplier": 0.0, "num_sampled_clients": 5, "initial_clipping_norm": 0.6, "clipped_count_stddev": 0.0}
    for inner in (("FedAvg", {}), ("FedAdam", {}), ("FedMedian", {})):
        for side, spoil in (("Server", None), ("Client", norm_bits)):
            for dtype in ("float32", "float64"):
                name = f"DifferentialPrivacy{side}Side{{}}Clipping"
                case(out, f"DP{side}Fixed-{inner[0]}-{dtype}", name.format("Fixed"), fixed, rng, wraps=inner, dtype=dtype, spoil=spoil)
                case(out, f"DP{side}Adaptive-{inner[0]}-{dtype}", name.format("Adaptive"), adaptive, rng, wraps=inner, dtype=dtype, spoil=spoil)
    name = "DifferentialPrivacyServerSide{}Clipping"
    case(out, "DPServerFixed-one-failed", name.format("Fixed"), fixed, rng, wraps=("FedAvg", {}), spoil=fail)
    case(out, "DPServerFixed-bad-norm", name.format("Fixed"), {**fixed, "clipping_norm": 0}, rng, wraps=("FedAvg", {}))
    case(out, "DPServerFixed-bad-noise", name.format("Fixed"), {**fixed, "noise_multiplier": -1}, rng, wraps=("FedAvg", {}))
    case(out, "DPServerAdaptive-too-few", name.format("Adaptive"), {"noise_multiplier": 1.0, "num_sampled_clients": 5}, rng, wraps=("FedAvg", {}))
    case(out, "DPServerAdaptive-bad-quantile", name.format("Adaptive"), {**adaptive, "target_clipped_quantile": 2}, rng, wraps=("FedAvg", {}))
    case(out, "DPClientAdaptive-no-bit", "DifferentialPrivacyClientSideAdaptiveClipping", adaptive, rng, wraps=("FedAvg", {}), rounds=1)
    check_complete(out)
    print(len(list(out.glob("*.json"))), "cases of flwr", flwr.__version__)


main()
