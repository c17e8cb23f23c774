"""Data and model."""

import csv

import numpy as np


def load_data(path: str):
    with open(path) as file:
        rows = list(csv.reader(file))[1:]
    data = np.array(rows, dtype=np.float64)
    return data[:, :-1], data[:, -1]


def gradient(weights: np.ndarray, bias: float, x: np.ndarray, y: np.ndarray):
    error = x @ weights + bias - y
    return x.T @ error / len(y), error.mean()
