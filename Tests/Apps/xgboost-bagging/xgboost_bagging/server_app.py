"""xgboost_bagging: A Flower / XGBoost app."""

import numpy as np
import xgboost as xgb
from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedXgbBagging

from xgboost_bagging.task import replace_keys

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Main entry point for the ServerApp."""
    strategy = FedXgbBagging(fraction_train=1.0, fraction_evaluate=1.0)
    result = strategy.start(
        grid=grid, initial_arrays=ArrayRecord([np.frombuffer(b"", dtype=np.uint8)]), num_rounds=context.run_config["num-server-rounds"]
    )
    bst = xgb.Booster(params=replace_keys(context.run_config))
    bst.load_model(bytearray(result.arrays["0"].numpy().tobytes()))
    print("\nSaving final model to disk...")
    bst.save_model("final_model.json")
