"""What a run left, read by the packages that its users have: check_output.py OUTPUT CHECKPOINT PROGRAM DATA.

The model and the checkpoint's export by safetensors, and the numbers of the result by pandas and scikit-learn:
coefficients in the columns' own units, put on the raw tables, must rank and classify the rows as the result says.
"""
import base64
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
from safetensors.numpy import load, load_file
from sklearn.metrics import accuracy_score, roc_auc_score


def main():
    output, checkpoint, program, data = map(pathlib.Path, sys.argv[1:])
    text = (output / "result.json").read_bytes()
    assert text.isascii(), "the result is not ASCII"
    result = json.loads(text)
    model = load_file(output / "model.safetensors")
    inline = load(base64.b64decode(result["model"]["safetensors"]))
    assert set(model) == set(inline) and all(np.array_equal(model[k], inline[k]) for k in model), "file and result differ"

    listing = subprocess.run([program, "checkpoint", "list", checkpoint], check=True, capture_output=True, text=True).stdout
    rounds = len(result["rounds"])
    assert f"{rounds}" in listing, listing
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "weights.safetensors"
        subprocess.run([program, "checkpoint", "export", checkpoint, "--round", str(rounds), "--output", path], check=True, capture_output=True)
        export = load_file(path)
        assert set(export) == set(model) and all(np.array_equal(export[k], model[k]) for k in model), "the export differs from the result"

    frame = pd.concat([pd.read_csv(f) for f in sorted(data.glob("*.csv"))])
    design = result["model"]
    scores = sum(frame[c] * w for c, w in design["coefficients"].items()) + design["intercept"]
    truth = frame[design["target"]] == design["classes"][1]
    auc, accuracy = roc_auc_score(truth, scores), accuracy_score(truth, scores > 0)
    # All rows here, the held-out ones in the result: near, not equal.
    for name, value in (("auc", auc), ("accuracy", accuracy)):
        assert abs(value - result["metrics"][name]) < 0.03, (name, value, result["metrics"][name])
    print(f"result, model and checkpoint read back: auc {auc:.4f} and accuracy {accuracy:.4f} on all rows by scikit-learn")


main()
