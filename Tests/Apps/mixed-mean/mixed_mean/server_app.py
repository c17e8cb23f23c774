"""mixed_mean: the mean of all."""

from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = ConfigRecord({"column": context.run_config["column"]})
    questions = [Message(RecordDict({"config": config}), node, "query.sums") for node in grid.get_node_ids()]
    sums = [reply.content["sums"] for reply in grid.send_and_receive(questions)]
    count = sum(record["count"] for record in sums)
    context.state["mean"] = MetricRecord({"mean": sum(record["sum"] for record in sums) / count, "count": float(count)})
