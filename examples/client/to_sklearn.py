"""A scikit-learn model with the federated coefficients: to_sklearn.py TABLE.csv scores the rows of a table."""
import json
import sys

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

with open("result.json") as file:
    model = json.load(file)["model"]
classifier = LogisticRegression()
classifier.classes_ = np.array(model["classes"])
classifier.coef_ = np.array([list(model["coefficients"].values())])
classifier.intercept_ = np.array([model["intercept"]])
classifier.feature_names_in_ = np.array(list(model["coefficients"]))

table = pd.read_csv(sys.argv[1])
print("accuracy", classifier.score(table[classifier.feature_names_in_], table[model["target"]]))
