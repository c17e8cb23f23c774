"""federated_analytics: A Flower / NumPy app without a model."""

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr_datasets import FederatedDataset
from flwr_datasets.partitioner import IidPartitioner

app = ClientApp()


def get_clientapp_dataset(partition_id: int, num_partitions: int):
    fds = FederatedDataset(dataset="breast-cancer", partitioners={"train": IidPartitioner(num_partitions=num_partitions)})
    return fds.load_partition(partition_id, "train").with_format("pandas")[:]


@app.query()
def query(msg: Message, context: Context):
    """Answer with counts by bin."""
    frame = get_clientapp_dataset(context.node_config["partition-id"], context.node_config["num-partitions"])
    counts = {}
    for feature in context.run_config["selected-features"].split(","):
        counts[feature] = np.histogram(frame[feature], bins=np.linspace(0, 40, 11))[0]
    metrics = MetricRecord({"rows": len(frame), "sums": [float(frame[name].sum()) for name in counts]})
    content = RecordDict({"counts": ArrayRecord(list(counts.values())), "query_results": metrics})
    return Message(content, reply_to=msg)


@app.query("rows")
def rows(msg: Message, context: Context):
    """Answer a named question."""
    frame = get_clientapp_dataset(context.node_config["partition-id"], context.node_config["num-partitions"])
    return Message(RecordDict({"query_results": MetricRecord({"rows": len(frame)})}), reply_to=msg)
