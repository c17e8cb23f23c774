"""Makes the example tables from the scikit-learn package: python make.py [FOLDER].

Each data set is split over three organizations, unevenly and not identically distributed: rows are drawn so
that one hospital is large and the others small, and each sees other cases. The split is fixed by its seed.
"""
import pathlib
import sys

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

ORGANIZATIONS = ("amsterdam", "maastricht", "utrecht")
SIZES = (0.5, 0.3, 0.2)


def split(key, rng):
    """Row indices of the three organizations: a row with a high `key` tends to the first, one with a low key to the last."""
    noisy = (key - key.mean()) / key.std() + 1.2 * rng.standard_normal(len(key))
    order = np.argsort(-noisy, kind="stable")
    ends = np.round(np.cumsum(SIZES) * len(key)).astype(int)
    return [np.sort(part) for part in np.split(order, ends[:-1])]


def text(value):
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def write(folder, names, rows, parts, rng):
    folder.mkdir(parents=True, exist_ok=True)
    for organization, part in zip(ORGANIZATIONS, parts):
        lines = [",".join(names)] + [",".join(rows[i]) for i in rng.permutation(part)]
        (folder / f"{organization}.csv").write_text("\n".join(lines) + "\n")


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    rng = np.random.default_rng(20260101)

    data = load_breast_cancer()
    names = [n.replace(" ", "_") for n in data.feature_names] + ["diagnosis"]
    words = [data.target_names[t] for t in data.target]
    rows = [[text(v) for v in x] + [w] for x, w in zip(data.data, words)]
    write(out / "breast-cancer", names, rows, split(data.data[:, 0] + 3 * data.target, rng), rng)

    data = load_digits()
    names = [n for n in data.feature_names] + ["digit"]
    rows = [[text(v) for v in x] + [str(t)] for x, t in zip(data.data, data.target)]
    write(out / "digits", names, rows, split(data.target.astype(float), rng), rng)

    data = load_diabetes(scaled=False)
    names = list(data.feature_names) + ["progression"]
    rows = [[text(v) for v in x] + [text(t)] for x, t in zip(data.data, data.target)]
    write(out / "diabetes", names, rows, split(data.data[:, 0], rng), rng)


main()
