"""A scikit-learn model with the federated coefficients: to_sklearn.py TABLE.csv scores the rows of a table."""
import json
import sys

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression


def level(cell, levels):
    """The category of a cell, as the federation names it; None where it is one that nobody had."""
    if pd.isna(cell):
        name = "(missing)"
    elif isinstance(cell, float) and cell == int(cell):
        name = str(int(cell))
    else:
        name = str(cell).strip()
        name = name.capitalize() if name.lower() in ("true", "false") else name
    return name if name in levels else "(other)" if "(other)" in levels else None


def columns(table, model):
    """A table's rows as the model takes them: dummies of categories, and the federation's mean where a number is missing."""
    made = {}
    for feature in model["preprocessing"]["features"]:
        cells = table[feature["name"]]
        if "levels" in feature:
            names = cells.map(lambda cell: level(cell, feature["levels"]), na_action=None)
            # The first level is the baseline.
            for name in feature["levels"][1:]:
                made[feature["name"], name] = (names == name).astype(float)
        else:
            made[feature["name"], ""] = pd.to_numeric(cells, errors="coerce").fillna(feature["mean"])
    return pd.DataFrame(made).to_numpy()


def weights(coefficients):
    """A number for each of these columns: a feature of categories has one for each level but the first."""
    return [number for own in coefficients.values() for number in (own.values() if isinstance(own, dict) else [own])]


def to_sklearn(model):
    if "classes" not in model:
        estimator = LinearRegression()
        estimator.coef_, estimator.intercept_ = np.array(weights(model["coefficients"])), model["intercept"]
        return estimator
    estimator = LogisticRegression()
    estimator.classes_ = np.array(model["classes"])
    if model["kind"] == "logistic":
        estimator.coef_ = np.array([weights(model["coefficients"])])
        estimator.intercept_ = np.array([model["intercept"]])
    else:
        estimator.coef_ = np.array([weights(model["coefficients"][name]) for name in model["classes"]])
        estimator.intercept_ = np.array([model["intercept"][name] for name in model["classes"]])
    return estimator


if __name__ == "__main__":
    with open("result.json") as file:
        model = json.load(file)["model"]
    table = pd.read_csv(sys.argv[1]).dropna(subset=[model["target"]])
    target = table[model["target"]]
    if "classes" in model:
        target = target.map(lambda cell: level(cell, model["classes"]))
    estimator = to_sklearn(model)
    print("accuracy" if "classes" in model else "r2", estimator.score(columns(table, model), target))
