"""CSV files as Python writes them and pandas reads them: csv_cases.py SEED OUTDIR (needs pandas from PyPI).

Each JSON file is one case: the text (base64), and the columns that pandas reads from it, cells as strings or null.
"""
import base64
import csv
import io
import json
import pathlib
import random
import sys

import pandas as pd

WORDS = ["a", "b c", "x,y", 'he said "no"', "line\nbreak", "é", "naïve ☕", "semi;colon", "  blanks  ", "tab\there", "0x1F", "1,5"]


def cell(rng, kind):
    if rng.random() < 0.1:
        return rng.choice(["", "NA", "NaN", "null"])
    if kind == "int":
        return str(rng.randint(-10**rng.randint(1, 12), 10**9))
    if kind == "float":
        return rng.choice(["%.3f", "%r", "%.17g", "%e", "%.0f"]) % rng.uniform(-1e3, 1e3)
    return rng.choice(WORDS)


def main():
    rng = random.Random(int(sys.argv[1]))
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for number in range(24):
        kinds = [rng.choice(["int", "float", "word"]) for _ in range(rng.randint(2, 5))]
        names = [f"c{i}" + rng.choice(["", " x", ",y", '"q"', "é"]) for i in range(len(kinds))]
        rows = [[cell(rng, kind) for kind in kinds] for _ in range(rng.randint(1, 30))]
        text = io.StringIO()
        ending = rng.choice(["\n", "\r\n"])
        writer = csv.writer(text, lineterminator=ending, quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        writer.writerow(names)
        writer.writerows(rows)
        data = rng.choice([b"", b"\xef\xbb\xbf"]) + text.getvalue().encode()
        if rng.random() < 0.3:
            data = data.rstrip(b"\r\n")
        frame = pd.read_csv(io.BytesIO(data), dtype=str, encoding="utf-8-sig", float_precision="round_trip")
        columns = {}
        for name, kind in zip(names, kinds):
            cells = [None if pd.isna(v) else v.strip(" \t") for v in frame[name]]
            columns[name] = {"kind": kind, "cells": [float(c) if c is not None and kind != "word" else c for c in cells]}
        (out / f"case-{number:02}.json").write_text(json.dumps({"text": base64.b64encode(data).decode(), "columns": columns}))
    print(len(list(out.glob("*.json"))), "cases of pandas", pd.__version__)


main()
