"""secure_aggregation: A Flower app whose updates are masked."""

import numpy as np
from flwr.client import ClientApp, NumPyClient
from flwr.client.mod import secaggplus_mod
from flwr.common import Context


class FlowerClient(NumPyClient):
    def __init__(self, number):
        self.number = number

    def fit(self, parameters, config):
        # Client i moves each weight by i + 1.
        return [parameters[0] + self.number + 1], 10, {}

    def evaluate(self, parameters, config):
        return float(np.abs(parameters[0]).sum()), 10, {}


def client_fn(context: Context):
    return FlowerClient(context.node_config["partition-id"]).to_client()


app = ClientApp(client_fn=client_fn, mods=[secaggplus_mod])
