"""stateful: A Flower app that remembers."""

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.mod import fixedclipping_mod


def doubling_mod(msg, context, call_next):
    reply = call_next(msg, context)
    if reply.has_content() and "metrics" in reply.content:
        reply.content["metrics"]["doubled"] = 2 * reply.content["metrics"]["seen"]
    return reply


app = ClientApp(mods=[doubling_mod])


@app.lifespan()
def lifespan(context: Context):
    context.state["life"] = MetricRecord({"begun": 1 + context.state.metric_records.get("life", {"begun": 0})["begun"]})
    yield


@app.train("local", mods=[fixedclipping_mod])
def train(msg: Message, context: Context):
    """Add what is remembered to the model, and remember more."""
    own = context.state.array_records.get("own", ArrayRecord([np.zeros(4)]))
    memory = own.to_numpy_ndarrays()[0] + context.node_config["partition-id"] + 1
    context.state["own"] = ArrayRecord([memory])
    seen = context.state.metric_records.get("count", {"seen": 0})["seen"] + 1
    context.state["count"] = MetricRecord({"seen": seen})
    (model,) = msg.content["arrays"].to_numpy_ndarrays()
    metrics = MetricRecord({"num-examples": 1, "seen": seen, "begun": context.state["life"]["begun"]})
    return Message(RecordDict({"arrays": ArrayRecord([model + memory]), "metrics": metrics}), reply_to=msg)


@app.evaluate()
def evaluate(msg: Message, context: Context):
    """Tell what is remembered."""
    metrics = MetricRecord({"num-examples": 1, "seen": context.state["count"]["seen"], "noise": float(np.random.rand())})
    return Message(RecordDict({"metrics": metrics}), reply_to=msg)
