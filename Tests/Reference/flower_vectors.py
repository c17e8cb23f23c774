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


def number(rng):
    """A number as XGBoost writes it: the shortest text of a float32, or one that Python writes otherwise than others."""
    odd = [0.0, -0.0, 1e16, 1.7e16, -12345678901234568.0, 9007199254740993.0, 1e-4, 1e-5, 3.5e-7, 1e22, 123456789.0, 5e-324, 1e-45]
    return odd[rng.integers(len(odd))] if rng.random() < 0.2 else float(str(np.float32(rng.standard_normal() * 10.0 ** rng.integers(-6, 6))))


def trees(rng, count, base, examples, parallel=1, extra=0):
    """A model of XGBoost's from each node, as its JSON is, with what only Python's json.dumps writes so."""
    rows = []
    for node in range(1, count + 1):
        made = [{"base_weights": [number(rng) for _ in range(3)], "default_left": [int(rng.integers(2)), True, False], "id": i, "left_children": [1, -1, -1],
                 "parents": [2147483647, 0, 0], "split_conditions": [number(rng) for _ in range(3)], "tree_param": {"num_nodes": "3"}} for i in range(parallel + extra)]
        param = {"num_parallel_tree": str(parallel), "num_trees": str(len(made)), "size_leaf_vector": "1"}
        model = {"learner": {"attributes": {}, "feature_names": ["age", "größe \b\f\n\x7f\"\\/ \U0001f33c", ""], "feature_types": [],
                             "gradient_booster": {"model": {"gbtree_model_param": param, "iteration_indptr": [0, len(made)], "tree_info": [0] * len(made), "trees": made},
                                                  "name": "gbtree"},
                             "learner_model_param": {"base_score": "5E-1", "missing": None}, "objective": {"name": "binary:logistic"}}, "version": [3, 2, 0]}
        text = json.dumps(model, separators=(",", ":")).encode()
        rows.append({"node": node, "arrays": {"0": np.frombuffer(text, np.uint8)}, "metrics": {"num-examples": int(rng.integers(5, 500)), "auc": float(rng.random())}})
    return rows


def case(out, name, strategy, options, rng, count=5, rounds=3, dtype="float32", examples=None, spoil=None, initial=None, wraps=None, replies=made_up):
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
        rows = replies(rng, count, {k: v.numpy() for k, v in current.items()}, examples)
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


def spent(config, releases, factor=1.0):
    """What flwr's accountant says of releases with noise of so many times what they have, and the least divergence."""
    from flwr.supercore.privacy_accounting import GaussianPrivacyEvent
    from flwr.supercore.privacy_accounting.rdp_accountant import RdpAccountant

    made = RdpAccountant(config)
    for noise, sample, count in releases:
        made.compose(GaussianPrivacyEvent(noise * factor, sample, config.population_size), count)
    return made.get_privacy_spent().epsilon, made._backend.rdp.min()


def accountant(out, rng):
    """What flwr's accountant, and so Google's dp-accounting, says of Gaussian releases of samples."""
    from flwr.supercore.privacy_accounting import NeighboringRelation, PrivacyConfig, SamplingMethod

    def releases(population, sample):
        noises = [10 ** rng.uniform(-1, 3), 10 ** rng.uniform(-2, 4), 10 ** rng.uniform(-0.5, 1)]
        counts = [rng.integers(1, 200), rng.integers(1, 20), rng.integers(1000, 50000)]
        kinds = rng.integers(0, 3, int(rng.integers(1, 3)))
        return [[float(noises[i]), sample or int(rng.integers(1, population + 1)), int(counts[i])] for i in kinds]

    cases, rounding = [], 0
    add, replace = NeighboringRelation.ADD_OR_REMOVE_ONE, NeighboringRelation.REPLACE_ONE
    for method, relation, count in ((SamplingMethod.NO_AMPLIFICATION, add, 40), (SamplingMethod.POISSON, add, 30), (SamplingMethod.WITHOUT_REPLACEMENT, replace, 12)):
        made = 0
        while made < count:
            population = int(10 ** rng.uniform(0.4, 5))
            # Any share, all, a small one.
            sample = (0, population, max(1, int(population * 10 ** rng.uniform(-3, 0))))[made % 3]
            config = PrivacyConfig(float(10 ** rng.uniform(-12, -1)), population, relation, method)
            told = [] if made == 0 else releases(population, sample)
            epsilon, least = spent(config, told)
            # Google's sums of 1 - 1 with much noise, for thousands of releases, are rounding's: another machine has others.
            if told and (least < 1e-12 * sum(count for *_, count in told) or abs(spent(config, told, 1 + 1e-11)[0] - epsilon) > 1e-9 * epsilon):
                rounding += 1
                continue
            made += 1
            cases.append({"delta": config.target_delta, "sampling": method.value, "relation": relation.value, "population": population, "releases": told, "epsilon": epsilon})
    (out / "accountant.json").write_text(json.dumps({"flwr": flwr.__version__, "cases": cases}))
    print(len(cases), "cases of the accountant;", rounding, "that rounding decides are left out")


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


def check_complete(out):
    """Fails where this flwr has a strategy that no case is of."""
    covered = {json.loads(path.read_text()).get("strategy") for path in out.glob("*.json")}
    missing = set(S.__all__) - {"Strategy", "Result"} - covered
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

    empty = {"0": np.frombuffer(b"", np.uint8)}
    for count in (1, 2, 5):
        limits = {"min_train_nodes": 1, "min_available_nodes": 1} if count == 1 else {}
        case(out, f"FedXgbBagging-of-{count}", "FedXgbBagging", limits, rng, count=count, initial=empty, replies=trees)
    case(out, "FedXgbBagging-parallel", "FedXgbBagging", {}, rng, count=3, initial=empty, replies=lambda *a: trees(*a, parallel=2, extra=1))
    case(out, "FedXgbBagging-failed", "FedXgbBagging", {}, rng, count=4, initial=empty, replies=trees, spoil=fail)
    case(out, "FedXgbBagging-all-failed", "FedXgbBagging", {}, rng, count=2, initial=empty, replies=trees, rounds=1, spoil=fail_all)
    case(out, "FedXgbBagging-no-weight", "FedXgbBagging", {}, rng, count=2, initial=empty, replies=trees, rounds=1, spoil=no_weight)

    def one(rng, count, base, examples):
        return trees(rng, count, base, examples)[-1:]

    def two_arrays(rows):
        for row in rows:
            row["arrays"] = {**row["arrays"], "1": row["arrays"]["0"]}

    def no_model(rows):
        for row in rows:
            row["arrays"] = {"0": np.frombuffer(b"[]", np.uint8)}

    def no_json(rows):
        for row in rows:
            row["arrays"] = {"0": np.frombuffer(b"{", np.uint8)}

    def no_name(rows):
        for row in rows:
            row["arrays"] = {"model": row["arrays"]["0"]}

    for name, spoil in (("two-arrays", two_arrays), ("no-model", no_model), ("no-json", no_json), ("no-name", no_name)):
        case(out, f"FedXgbBagging-{name}", "FedXgbBagging", {}, rng, count=2, initial=empty, replies=trees, rounds=1, spoil=spoil)
    case(out, "FedXgbCyclic-default", "FedXgbCyclic", {}, rng, count=3, initial=empty, replies=one)
    case(out, "FedXgbCyclic-failed", "FedXgbCyclic", {}, rng, count=3, initial=empty, replies=one, spoil=fail_all, rounds=1)
    for name in ("fraction_train", "fraction_evaluate"):
        case(out, f"FedXgbCyclic-bad-{name}", "FedXgbCyclic", {name: 0.5}, rng)
    check_complete(out)
    print(len(list(out.glob("*.json"))), "cases of flwr", flwr.__version__)


main()
