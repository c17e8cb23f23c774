"""xgboost_bagging: A Flower / XGBoost app."""

import numpy as np
import xgboost as xgb
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from xgboost_bagging.task import load_data, replace_keys

app = ClientApp()


def _local_boost(bst_input, num_local_round, train_dmatrix):
    # Update trees based on local training data.
    for _ in range(num_local_round):
        bst_input.update(train_dmatrix, bst_input.num_boosted_rounds())
    # Bagging: extract the last N=num_local_round trees for server aggregation
    return bst_input[bst_input.num_boosted_rounds() - num_local_round : bst_input.num_boosted_rounds()]


@app.train()
def train(msg: Message, context: Context) -> Message:
    """Boost on local data."""
    train_dmatrix, _, num_train, _ = load_data(context.node_config["partition-id"], context.node_config["num-partitions"])
    params = replace_keys(context.run_config)
    num_local_round = context.run_config["local-epochs"]
    if msg.content["config"]["server-round"] == 1:
        bst = xgb.train(params, train_dmatrix, num_boost_round=num_local_round)
    else:
        bst = xgb.Booster(params=params)
        bst.load_model(bytearray(msg.content["arrays"]["0"].numpy().tobytes()))
        bst = _local_boost(bst, num_local_round, train_dmatrix)
    model = np.frombuffer(bst.save_raw("json"), dtype=np.uint8)
    content = RecordDict({"arrays": ArrayRecord([model]), "metrics": MetricRecord({"num-examples": num_train})})
    return Message(content=content, reply_to=msg)


@app.evaluate()
def evaluate(msg: Message, context: Context) -> Message:
    """Score the global trees on local data."""
    _, valid_dmatrix, _, num_val = load_data(context.node_config["partition-id"], context.node_config["num-partitions"])
    params = {**replace_keys(context.run_config), "eval_metric": "auc"}
    bst = xgb.Booster(params=params)
    bst.load_model(bytearray(msg.content["arrays"]["0"].numpy().tobytes()))
    result = bst.eval_set(evals=[(valid_dmatrix, "valid")], iteration=bst.num_boosted_rounds() - 1)
    auc = float(result.split("\t")[1].split(":")[1])
    return Message(content=RecordDict({"metrics": MetricRecord({"auc": auc, "num-examples": num_val})}), reply_to=msg)
