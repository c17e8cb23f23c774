"""mixed_mean: one organization's sum and count."""

import csv

from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.query("sums")
def sums(msg: Message, context: Context):
    column = msg.content["config"]["column"]
    with open(context.node_config["dataset-path"]) as file:
        values = [float(row[column]) for row in csv.DictReader(file)]
    return Message(RecordDict({"sums": MetricRecord({"sum": sum(values), "count": len(values)})}), reply_to=msg)
