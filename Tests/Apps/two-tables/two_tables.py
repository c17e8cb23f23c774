"""two_tables: an app that reads one table as the data set that it is partitioned from, and a second by its name."""

import pandas
from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr_datasets import FederatedDataset
from flwr_datasets.partitioner import IidPartitioner

client, server = ClientApp(), ServerApp()


@client.query()
def count(msg: Message, context: Context):
    second = context.run_config["second"]
    dataset = FederatedDataset(dataset="first", partitioners={"train": IidPartitioner(num_partitions=3)})
    first, same = dataset.load_partition(0, "train"), dataset.load_partition(0, second)
    frame = pandas.read_parquet(context.node_config[f"database.{second}.uri"])
    counts = {"first": len(first), "first-columns": len(first.column_names), "second": len(frame), "same": len(same),
              "second-columns": len(frame.columns), "sum": float(frame.select_dtypes("number").to_numpy().sum())}
    return Message(RecordDict({"counts": MetricRecord(counts)}), reply_to=msg)


@server.main()
def main(grid: Grid, context: Context) -> None:
    questions = [Message(RecordDict(), node, "query") for node in sorted(grid.get_node_ids())]
    counts = [reply.content["counts"] for reply in grid.send_and_receive(questions)]
    context.state["counts"] = MetricRecord({name: [row[name] for row in counts] for name in counts[0]})
