"""secure_aggregation: A Flower app whose updates are masked."""

import numpy as np
from flwr.common import Context, ndarrays_to_parameters
from flwr.server import Grid, LegacyContext, ServerApp, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.server.workflow import DefaultWorkflow, SecAggPlusWorkflow

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    strategy = FedAvg(
        fraction_fit=1.0, fraction_evaluate=1.0, min_available_clients=3, initial_parameters=ndarrays_to_parameters([np.zeros(5)])
    )
    config = ServerConfig(num_rounds=context.run_config["num-server-rounds"])
    legacy = LegacyContext(context=context, config=config, strategy=strategy)
    workflow = DefaultWorkflow(fit_workflow=SecAggPlusWorkflow(num_shares=3, reconstruction_threshold=2, timeout=60))
    workflow(grid, legacy)
