"""sklearnexample: A Flower / sklearn app."""

import numpy as np
from flwr_datasets import FederatedDataset
from flwr_datasets.partitioner import IidPartitioner
from sklearn.linear_model import LogisticRegression

FEATURES = ["mean_radius", "mean_texture", "mean_smoothness", "mean_compactness", "mean_concavity"]

fds = None  # Cache FederatedDataset


def load_data(partition_id: int, num_partitions: int):
    """Load this node's part of the data, split into train and test."""
    global fds
    if fds is None:
        partitioner = IidPartitioner(num_partitions=num_partitions)
        fds = FederatedDataset(dataset="scikit-learn/breast-cancer", partitioners={"train": partitioner})
    dataset = fds.load_partition(partition_id, "train").with_format("numpy")
    x = np.stack([dataset[name] for name in FEATURES], axis=1)
    y = (np.asarray(dataset["diagnosis"]) == "malignant").astype(int)
    cut = int(0.8 * len(x))
    return x[:cut], x[cut:], y[:cut], y[cut:]


def create_log_reg(penalty: str, local_epochs: int):
    return LogisticRegression(max_iter=local_epochs, warm_start=True, solver="saga", random_state=42)


def get_model_params(model):
    return [model.coef_, model.intercept_] if model.fit_intercept else [model.coef_]


def set_model_params(model, params):
    model.coef_ = params[0]
    if model.fit_intercept:
        model.intercept_ = params[1]
    return model


def set_initial_params(model):
    model.classes_ = np.array([0, 1])
    model.coef_ = np.zeros((1, len(FEATURES)))
    if model.fit_intercept:
        model.intercept_ = np.zeros((1,))
