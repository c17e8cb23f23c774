"""Models of XGBoost's own Python: xgboost_models.py DATA OUTDIR [SEED] (needs xgboost 1.7.4, flwr, pandas and numpy from PyPI).

One node: tables of the seed with missing numbers, and what trees of them predict. Several: the example tables by real flwr's FedXgbBagging and
FedXgbCyclic with clients as Flower's xgboost-quickstart has them, and the loss of all rows after each round. Trees are grown on the lower edges
of cells (docs/nodes.md), with the child weight that implies the minimum of rows.
"""
import csv
import io
import json
import logging
import pathlib
import sys

import numpy as np
import pandas as pd
import xgboost as xgb
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedXgbBagging, FedXgbCyclic
from flwr.supercore.task_identity import TaskIdentity

TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
logging.disable(logging.CRITICAL)
MINIMUM = 10


def edges(column):
    """A column's numbers as the lower edges of cells, a sixteenth of its deviation wide and joined until each holds the minimum of rows."""
    values = column.to_numpy(float)
    there = ~np.isnan(values)
    mean, width = values[there].mean(), values[there].std() / 16
    edge = lambda cell: np.float32(mean + cell * width)
    cells = np.floor((values[there] - mean) / width)
    single = values[there].astype(np.float32)
    cells = np.where(single < edge(cells), cells - 1, np.where(single < edge(cells + 1), cells, cells + 1))
    minimum = max(MINIMUM, len(values) // 254 + 1)
    groups = []
    for cell, count in zip(*np.unique(cells, return_counts=True)):
        if groups and groups[-1][1] < minimum:
            groups[-1][0].append(cell)
            groups[-1][1] += count
        else:
            groups.append([[cell], count])
    if len(groups) > 1 and groups[-1][1] < minimum:
        last = groups.pop()
        groups[-1][0] += last[0]
    starts = {cell: edge(group[0][0]) for group in groups for cell in group[0]}
    result = np.full(len(values), np.nan, np.float32)
    result[there] = [starts[cell] for cell in cells]
    return result


def floored(x):
    return pd.DataFrame({name: edges(x[name]) for name in x.columns})


def params(task, base, **more):
    weight = MINIMUM if task == "regression" else MINIMUM / 4
    objective = "reg:squarederror" if task == "regression" else "binary:logistic"
    return {"objective": objective, "base_score": float(np.float32(base)), "tree_method": "hist", "max_depth": 3, "eta": 0.3, "lambda": 1,
            "min_child_weight": weight, "nthread": 1, **more}


def one_node(rng, task):
    rows = int(rng.integers(150, 400))
    x = pd.DataFrame({name: rng.normal(10.0 ** rng.integers(-2, 4), 10.0 ** rng.integers(-2, 3), rows) for name in ("a", "b", "c", "d")})
    z = (x - x.mean()) / x.std()
    score = z["a"] + np.sin(2 * z["b"]) * z["c"] + rng.normal(0, 0.3, rows)
    x.loc[rng.random(rows) < 0.2, "a"] = np.nan
    y = 50 + 9 * score if task == "regression" else (score > 0).astype(int)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*x.columns, "y"])
    for row, target in zip(x.to_numpy(), y):
        told = repr(float(target)) if task == "regression" else ("yes" if target else "no")
        writer.writerow(["" if np.isnan(v) else repr(float(v)) for v in row] + [told])
    base = y.mean() if task == "regression" else 0.5
    booster = xgb.train(params(task, base), xgb.DMatrix(floored(x), label=y), num_boost_round=5)
    # Of cells too: a split of what is there from what is missing has twice the last edge as its threshold, and the raw number may be above.
    margins = booster.predict(xgb.DMatrix(floored(x)), output_margin=True)
    return {"task": task, "csv": text.getvalue(), "margins": [float(v) for v in margins]}


class Nodes:
    def __init__(self, count):
        self.count = count

    def get_node_ids(self):
        return list(range(1, self.count + 1))


def client(table, settings, message_array, bagging, epochs):
    """A round of Flower's xgboost-quickstart at a node: xgboost 1.7 slices and appends, but does not say where iterations begin."""
    matrix = xgb.DMatrix(floored(table[0]), label=table[1])
    booster = xgb.Booster(settings, [matrix])
    if len(message_array):
        booster.load_model(bytearray(message_array.tobytes()))
        booster.set_param(settings)
    for _ in range(epochs):
        booster.update(matrix, booster.num_boosted_rounds())
    if bagging:
        booster = booster[booster.num_boosted_rounds() - epochs : booster.num_boosted_rounds()]
    model = json.loads(bytes(booster.save_raw("json")))
    trees = model["learner"]["gradient_booster"]["model"]
    trees["iteration_indptr"] = list(range(len(trees["trees"]) + 1))
    return np.frombuffer(json.dumps(model).encode(), np.uint8)


def several(folder, target, task, bagging, rounds, epochs):
    tables = []
    for file in sorted(folder.glob("*.csv")):
        frame = pd.read_csv(file)
        y = frame.pop(target)
        tables.append((frame, y if task == "regression" else (y == "malignant").astype(int)))
    everything = pd.concat([y for _, y in tables])
    settings = params(task, everything.mean() if task == "regression" else 0.5)
    strategy = FedXgbBagging() if bagging else FedXgbCyclic()
    if not bagging:  # flwr draws the order of the nodes
        strategy.registered_nodes = {node + 1: node + 1 for node in range(len(tables))}
    arrays, losses = ArrayRecord([np.frombuffer(b"", np.uint8)]), []
    for number in range(1, rounds + 1):
        replies = []
        for message in sorted(strategy.configure_train(number, arrays, ConfigRecord(), Nodes(len(tables))), key=lambda m: m.metadata.dst_node_id):
            node = message.metadata.dst_node_id
            trained = client(tables[node - 1], settings, message.content["arrays"]["0"].numpy(), bagging, epochs)
            content = RecordDict({"arrays": ArrayRecord([trained]), "metrics": MetricRecord({"num-examples": len(tables[node - 1][1])})})
            replies.append(Message(content, reply_to=message))
        arrays, _ = strategy.aggregate_train(number, replies)
        booster = xgb.Booster(settings)
        booster.load_model(bytearray(arrays["0"].numpy().tobytes()))
        asked = tables if bagging else [tables[(number - 1) % len(tables)]]
        x, y = (pd.concat([table[i] for table in asked]) for i in (0, 1))
        margins = booster.predict(xgb.DMatrix(x.astype(np.float32)), output_margin=True).astype(float)
        loss = (margins - y) ** 2 if task == "regression" else np.logaddexp(0, margins) - margins * y
        losses.append(float(loss.mean()))
    return {"data": folder.name, "target": target, "task": task, "strategy": type(strategy).__name__, "local_epochs": epochs, "losses": losses}


def main():
    data, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    doc = {"xgboost": xgb.__version__, "nodes": [one_node(rng, task) for task in ("regression", "classification") for _ in range(3)]}
    doc["federations"] = [
        several(data / folder, target, task, bagging, 4, 1 if bagging else 2)
        for folder, target, task in (("breast-cancer", "diagnosis", "classification"), ("diabetes", "progression", "regression"))
        for bagging in (True, False)
    ]
    (out / "xgboost.json").write_text(json.dumps(doc))
    print("models of xgboost", xgb.__version__)


main()
