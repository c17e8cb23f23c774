"""federated_analytics: A Flower / NumPy app without a model."""

import json
import random
import time

import numpy as np
from flwr.app import Context, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Ask, add up, write down."""
    min_num_clients: int = context.run_config["min-num-clients"]
    node_ids: list[int] = []
    while len(node_ids) < min_num_clients:
        all_node_ids = list(grid.get_node_ids())
        if len(all_node_ids) >= min_num_clients:
            node_ids = random.sample(all_node_ids, len(all_node_ids))
            break
        time.sleep(2)

    messages = [
        Message(content=RecordDict(), message_type=MessageType.QUERY, dst_node_id=node_id, group_id="1") for node_id in node_ids
    ]
    total, rows = None, 0
    for reply in grid.send_and_receive(messages):
        if reply.has_error():
            continue
        counts = np.stack(reply.content["counts"].to_numpy_ndarrays())
        total = counts if total is None else total + counts
        rows += reply.content["query_results"]["rows"]

    # The same by hand: push, then pull until all are there
    named = [
        grid.create_message(RecordDict(), f"{MessageType.QUERY}.rows", node_id, group_id="2", ttl=3600) for node_id in sorted(node_ids)
    ]
    pending = set(grid.push_messages(named))
    again = 0
    while pending:
        for reply in grid.pull_messages(pending):
            pending.discard(reply.metadata.reply_to_message_id)
            again += reply.content["query_results"]["rows"]
        time.sleep(0.05)

    with open("histograms.json", "w") as file:
        json.dump({"rows": rows, "again": again, "counts": total.tolist()}, file)
    context.state["totals"] = MetricRecord({"rows": rows, "again": again, "counts": total.reshape(-1).tolist()})
    print(f"{rows} rows")
