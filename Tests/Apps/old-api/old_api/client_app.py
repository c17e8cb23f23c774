"""old_api: A Flower / NumPy app of the old API."""

import numpy as np
from flwr.client import ClientApp, NumPyClient
from flwr.common import Context
from sklearn.datasets import load_iris


class FlowerClient(NumPyClient):
    def __init__(self, x, y, lr):
        self.x, self.y, self.lr = x, y, lr

    def fit(self, parameters, config):
        weights, bias = parameters
        for _ in range(5):
            scores = self.x @ weights + bias
            probabilities = np.exp(scores - scores.max(1, keepdims=True))
            probabilities /= probabilities.sum(1, keepdims=True)
            error = probabilities - np.eye(3)[self.y]
            weights = weights - self.lr * self.x.T @ error / len(self.y)
            bias = bias - self.lr * error.mean(0)
        return [weights, bias], len(self.y), {"round": config["server_round"]}

    def evaluate(self, parameters, config):
        weights, bias = parameters
        scores = self.x @ weights + bias
        shifted = scores - scores.max(1, keepdims=True)
        loss = float(np.mean(np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(self.y)), self.y]))
        return loss, len(self.y), {"accuracy": float((scores.argmax(1) == self.y).mean())}


def client_fn(context: Context):
    partition_id, num_partitions = context.node_config["partition-id"], context.node_config["num-partitions"]
    x, y = load_iris(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    return FlowerClient(x[partition_id::num_partitions], y[partition_id::num_partitions], context.run_config["lr"]).to_client()


app = ClientApp(client_fn=client_fn)
