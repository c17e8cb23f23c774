"""xgboost_bagging: A Flower / XGBoost app."""

import xgboost as xgb
from flwr_datasets import FederatedDataset
from flwr_datasets.partitioner import IidPartitioner

fds = None  # Cache FederatedDataset


def load_data(partition_id: int, num_partitions: int):
    """Load this node's table as DMatrices."""
    global fds
    if fds is None:
        fds = FederatedDataset(dataset="breast-cancer", partitioners={"train": IidPartitioner(num_partitions=num_partitions)})
    frame = fds.load_partition(partition_id, split="train").to_pandas()
    x = frame.drop(columns="diagnosis")
    y = (frame["diagnosis"] == "malignant").astype(int)
    cut = int(0.8 * len(frame))
    return xgb.DMatrix(x[:cut], label=y[:cut]), xgb.DMatrix(x[cut:], label=y[cut:]), cut, len(frame) - cut


def replace_keys(config: dict) -> dict:
    """Make XGBoost's parameters of the run config."""
    params = {key.removeprefix("params.").replace("-", "_"): value for key, value in config.items() if key.startswith("params.")}
    return {**params, "nthread": 1, "seed": 0}
