"""quickstart-numpy: a Flower / NumPy app."""

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from quickstart_numpy.task import gradient, load_data

app = ClientApp()


@app.train()
def train(msg: Message, context: Context):
    """Take one step of gradient descent on local data."""
    weights, bias = msg.content["arrays"].to_numpy_ndarrays()
    x, y = load_data(context.node_config)
    step, shift = gradient(weights, bias[0], x, y)
    learning_rate = msg.content["config"]["lr"]
    arrays = ArrayRecord([weights - learning_rate * step, bias - learning_rate * shift])
    metrics = MetricRecord({"train_loss": float(np.mean((x @ weights + bias - y) ** 2)), "num-examples": len(y)})
    return Message(content=RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=msg)


@app.evaluate()
def evaluate(msg: Message, context: Context):
    """Score the global model on local data."""
    weights, bias = msg.content["arrays"].to_numpy_ndarrays()
    x, y = load_data(context.node_config)
    metrics = MetricRecord({"eval_loss": float(np.mean((x @ weights + bias - y) ** 2)), "num-examples": len(y)})
    return Message(content=RecordDict({"metrics": metrics}), reply_to=msg)
