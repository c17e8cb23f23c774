"""native_clients: what the organizations' tables hold, asked of the ready-made ClientApp."""

import json

from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    question = ConfigRecord({
        "model": "logistic", "task": "classification", "features": [], "target": context.run_config["target"], "categorical": [],
        "missing": "mean", "hidden": [], "test-fraction": 0.2, "seed": 0,
    })  # fmt: skip
    messages = [Message(RecordDict({"config": question}), node, "query.profile") for node in grid.get_node_ids()]
    profiles = [json.loads(reply.content["profile"]["profile"]) for reply in grid.send_and_receive(messages)]
    print(sorted(profiles[0]))
    rows = [profile["train_rows"] + profile["test_rows"] for profile in profiles]
    context.state["rows"] = MetricRecord({"rows": rows})
