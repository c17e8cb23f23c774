"""Converged models of scikit-learn on the example tables: sklearn_models.py DATA OUTDIR [SEED] (needs scikit-learn and pandas from PyPI).

Linear: ordinary least squares. Logistic and softmax: L2 penalty C = 1 on standardised features (mean and deviation of all rows),
coefficients given back in the units of the columns. Moments: means and deviations of columns of three sites, of other seeds each
time; exact by fractions, and held against StandardScaler where that is exact enough.
"""
import fractions
import json
import pathlib
import random
import sys

import numpy as np
import pandas as pd
import sklearn
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.preprocessing import StandardScaler


def table(folder):
    return pd.concat([pd.read_csv(f) for f in sorted(folder.glob("*.csv"))], ignore_index=True)


def moments(rng):
    """A column with a mean up to 1e14 and a spread down to a billionth of it, at three sites of different size and place."""
    mean = rng.choice([-1, 1]) * 10 ** rng.uniform(-8, 14)
    spread = abs(mean) * 10 ** rng.uniform(-9, 2)
    sites = [[repr(mean + place * spread + rng.gauss(0, spread)) for _ in range(rng.randint(12, 60))] for place in (0, 0, rng.randint(-3, 3))]
    values = [fractions.Fraction(float(value)) for site in sites for value in site]
    average = sum(values) / len(values)
    deviation = float(sum((value - average) ** 2 for value in values) / len(values)) ** 0.5
    scaler = StandardScaler().fit(np.array(values, dtype=float)[:, None])
    assert abs(scaler.mean_[0] - float(average)) <= 1e-14 * abs(mean) + 1e-9 * spread
    return {"sites": sites, "mean": float(average), "deviation": deviation}


def main():
    data, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    frame = table(data / "diabetes")
    x, y = frame.drop(columns="progression"), frame["progression"]
    model = LinearRegression().fit(x, y)
    predicted = model.predict(x)
    doc = {"linear": {"coefficients": dict(zip(x.columns, model.coef_)), "intercept": model.intercept_, "r2": r2_score(y, predicted),
                      "rmse": float(np.sqrt(np.mean((y - predicted) ** 2)))}}
    frame = table(data / "breast-cancer")
    x, y = frame.drop(columns="diagnosis"), frame["diagnosis"]
    mean, deviation = x.mean(), x.std(ddof=0)
    z = (x - mean) / deviation
    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10000).fit(z, y)
    coefficients = model.coef_[0] / deviation
    doc["logistic"] = {"coefficients": dict(zip(x.columns, coefficients)), "intercept": float(model.intercept_[0] - (coefficients * mean).sum()),
                       "classes": list(model.classes_), "accuracy": model.score(z, y), "auc": roc_auc_score(y == model.classes_[1], model.decision_function(z))}
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    doc["moments"] = [moments(rng) for _ in range(12)]
    doc["sklearn"] = sklearn.__version__
    (out / "models.json").write_text(json.dumps(doc, indent=1))
    print("models of scikit-learn", sklearn.__version__)


main()
