"""pytorchexample: A Flower / PyTorch app."""

import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAdam

from pytorchexample.task import Net

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Main entry point for the ServerApp."""
    torch.manual_seed(1)
    arrays = ArrayRecord(Net().state_dict())
    strategy = FedAdam(eta=0.02, tau=0.01)

    def global_evaluate(server_round: int, arrays: ArrayRecord) -> MetricRecord:
        norm = sum(float(tensor.double().pow(2).sum()) for tensor in arrays.to_torch_state_dict().values())
        return MetricRecord({"norm": norm})

    result = strategy.start(
        grid=grid,
        initial_arrays=arrays,
        train_config=ConfigRecord({"lr": context.run_config["lr"]}),
        num_rounds=context.run_config["num-server-rounds"],
        evaluate_fn=global_evaluate if context.run_config["server-evaluation"] else None,
    )

    print("\nSaving final model to disk...")
    torch.save(result.arrays.to_torch_state_dict(), "final_model.pt")
