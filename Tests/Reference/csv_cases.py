"""CSV files as people's programs write them, and what pandas reads in them: csv_cases.py SEED OUTDIR (needs pandas from PyPI).

Each JSON file is one case: the text (base64), how it is to be read, and the columns that pandas reads from it: cells as numbers,
days since 1970, strings or null. A case of a column in doubt has the line of the first cell that is, in place of columns.
"""
import base64
import csv
import datetime
import io
import json
import pathlib
import random
import sys

import pandas as pd
from pandas._libs.parsers import STR_NA_VALUES

# What stands for no value, and what looks like it.
MISSING = sorted(STR_NA_VALUES)
ALMOST = ["none", "NONE", "Na", "na", "NAN", "Null", "N.A.", "#n/a", "nil", "-", "--", "?", ".", "unknown", "missing", "1.#INF"]
WORDS = ALMOST + [
    "a", "b c", "x,y", 'he said "no"', "line\nbreak", "é", "naïve ☕", "semi;colon", "  blanks  ", "tab\there", "0x1F", "1,5"]
# Of each kind of file.
COUNT = 10


def case(data, columns=None, line=None, problem="number", **reading):
    """A case; columns are pairs of a kind and cells."""
    made = {"text": base64.b64encode(data).decode(), "reading": reading}
    if line is not None:
        return made | {"line": line, "problem": problem}
    return made | {
        "columns": {
            name: {"kind": kind, "cells": [None if pd.isna(cell) else cell for cell in cells]}
            for name, (kind, cells) in columns.items()
        }
    }


def lines(rows, separator=",", ending="\n"):
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=ending).writerows(rows)
    return text.getvalue().encode()


def cell(rng, kind):
    if rng.random() < 0.1:
        return rng.choice(MISSING)
    if kind == "int":
        return str(rng.randint(-10**rng.randint(1, 12), 10**9))
    if kind == "float":
        return rng.choice(["%.3f", "%r", "%.17g", "%e", "%.0f"]) % rng.uniform(-1e3, 1e3)
    return rng.choice(WORDS)


def plain(rng, number):
    """Numbers and words with gaps, of all separators, quotes and line ends."""
    kinds = [rng.choice(["int", "float", "word"]) for _ in range(rng.randint(2, 5))]
    names = [f"c{i}" + rng.choice(["", " x", ",y", '"q"', "é"]) for i in range(len(kinds))]
    rows = [[cell(rng, kind) for kind in kinds] for _ in range(rng.randint(1, 30))]
    if number == 0:
        rows = [
            [word if kind == "word" or word in STR_NA_VALUES else cell(rng, kind) for kind in kinds] for word in MISSING + ALMOST]
    text = io.StringIO()
    ending, separator = rng.choice(["\n", "\r\n"]), rng.choice(",,;\t|")
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    writer = csv.writer(text, delimiter=separator, lineterminator=ending, quoting=quoting)
    writer.writerow(names)
    writer.writerows(rows)
    data = rng.choice([b"", b"\xef\xbb\xbf"]) + text.getvalue().encode()
    if rng.random() < 0.3:
        data = data.rstrip(b"\r\n")
    frame = pd.read_csv(io.BytesIO(data), dtype=str, sep=separator, encoding="utf-8-sig")
    columns, words = {}, []
    for name, kind in zip(names, kinds):
        cells = [None if pd.isna(value) else value.strip(" \t") for value in frame[name]]
        if kind == "word":
            words.append(name)
            columns[name] = ("categorical", cells)
        else:
            columns[name] = ("numeric", [None if text is None else float(text) for text in cells])
    return case(data, columns, categorical=words)


def grouped(value, thousands, decimal, digits):
    return f"{value:,.{digits}f}".translate(str.maketrans({",": thousands, ".": decimal}))


def local(rng, number):
    """Numbers as people of other countries write them."""
    decimal, thousands = rng.choice([(",", "."), (",", " "), (",", "'"), (".", ","), (".", " "), (".", "'"), (",", "")])
    separator = rng.choice(";\t|")
    values = [[rng.uniform(-9e6, 9e6), rng.uniform(0, 1)] for _ in range(rng.randint(12, 40))]
    rows = [["amount", "share"]] + [
        [grouped(amount, thousands, decimal, 2), grouped(share, "", decimal, 4)] for amount, share in values]
    rows[rng.randrange(1, len(rows))][0] = rng.choice(MISSING)
    data = lines(rows, separator, "\r\n")
    frame = pd.read_csv(io.BytesIO(data), sep=separator, decimal=decimal, thousands=thousands or None)
    return case(data, {name: ("numeric", [float(value) for value in frame[name]]) for name in frame})


def thousands(rng, number):
    """Whole numbers with thousands in one column; another one tells what stands before fractions, or nobody can know."""
    mark = ",."[number % 2]
    counts = [rng.randint(1000, 999_999) for _ in range(rng.randint(12, 3000))]
    other = grouped(rng.uniform(0, 9), "", {",": ".", ".": ","}[mark], 2)
    known = number % 3 > 0
    rows = [["x", "share"]] + [[grouped(count, mark, "", 0), other if known else "7"] for count in counts]
    data = lines(rows, "\t" if mark == "," else ";")
    if mark == "," and not known:
        return case(data, line=2, problem="comma")
    decimal = {",": ".", ".": ","}[mark] if known else "."
    frame = pd.read_csv(io.BytesIO(data), sep=None, engine="python", decimal=decimal, thousands=mark if known else None)
    return case(data, {name: ("numeric", [float(value) for value in frame[name]]) for name in frame})


FORMS = [
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%d-%m-%Y",
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d%b%Y", "%d-%b-%Y", "%d %B %Y", "%d-%b-%y", "%d.%m.%Y %H:%M"]


def days(rng, number):
    """Days and moments."""
    form = FORMS[number % len(FORMS)]
    start = datetime.datetime(1975, 1, 1)
    moments = [start + datetime.timedelta(minutes=rng.randrange(40_000_000)) for _ in range(rng.randint(20, 40))]
    # One that tells the day from the month.
    texts = [moment.strftime(form) for moment in moments] + [datetime.datetime(1999, 12, 31).strftime(form), rng.choice(MISSING)]
    data = lines([["x", "day"]] + [[str(i), text] for i, text in enumerate(texts)])
    frame = pd.read_csv(io.BytesIO(data), dtype={"day": str})
    read = pd.to_datetime(frame["day"], format=form, utc=form.endswith("Z"))
    epoch = pd.Timestamp(0, tz="UTC" if form.endswith("Z") else None)
    cells = [(value - epoch) / pd.Timedelta(days=1) for value in read]
    columns = {"x": ("numeric", [float(value) for value in frame["x"]]), "day": ("of dates", cells)}
    if number % 2:
        columns["day"] = ("of dates", [])
        return case(data, columns)
    return case(data, columns, dates="days")


DOUBT = ["<0.5", ">= 100", "12 mg", "45%", "3.4 mmol/L", "?", "*", "~7", "not done", "1O", "5..2", "€ 3"]


def doubt(rng, number):
    """Numbers with a cell that is none: the line is said."""
    values = [f"{rng.uniform(0, 100):.2f}" for _ in range(rng.randint(20, 3000))]
    places = sorted(rng.sample(range(len(values)), rng.randint(1, len(values) // 3)))
    for place in places:
        values[place] = DOUBT[number % len(DOUBT)]
    return case(lines([["id", "x"]] + [[str(i), value] for i, value in enumerate(values)]), line=places[0] + 2)


def values(rng, number):
    """One value, however a program wrote it."""
    truths = [rng.choice(["TRUE", "True", "true", "FALSE", "False", "false"]) + rng.choice(["", " "]) for _ in range(30)]
    codes = [rng.choice(["1", "1.0", "01", "2", "2.00", "03"]) for _ in range(30)]
    data = lines([["truth", "code"]] + [list(row) for row in zip(truths, codes)])
    frame = pd.read_csv(io.BytesIO(data), skipinitialspace=True, converters={"truth": lambda text: text.strip().lower() == "true"})
    columns = {
        "truth": ("categorical", [str(value) for value in frame["truth"]]),
        "code": ("categorical", [str(int(value)) for value in frame["code"]]),
    }
    return case(data, columns, categorical=["code"])


def names(rng, number):
    """Headers: names that stand twice, names between blanks, with separators and quotes, in other scripts; one without a name."""
    separator, pool = rng.choice(",;\t|"), ["crp", "crp.1", "crp.1.1", "age", 'a "b"', "x,y;z", "größe", "血圧", "a b", "Crp"]
    given = [rng.choice(pool) for _ in range(rng.randint(4, 12))]
    given.insert(rng.randrange(1, len(given)), "")
    rows = [[str(rng.randrange(10, 99)) for _ in given] for _ in range(25)]
    data = ("\ufeff" if number % 2 else "").encode() + lines([given] + rows, separator)
    frame = pd.read_csv(io.BytesIO(data), sep=separator)
    known = [f"column_{place + 1}" if name.startswith("Unnamed") else name for place, name in enumerate(frame.columns)]
    spaced = data.replace(b"age", b" age ")
    return case(spaced, {name: ("numeric", frame.iloc[:, place].astype(float)) for place, name in enumerate(known)})


def forms(rng, number):
    """Files as spreadsheets, R and old programs lay them out."""
    rows = [[f"{rng.uniform(0, 9):.3f}", rng.choice(["zwölf", "ñandú", "été"]), str(rng.randrange(99))] for _ in range(25)]
    names = ["a", "bé", "c"]
    frame = pd.DataFrame(rows, columns=names)
    separator, reading = rng.choice(",;\t"), {}
    plainly = lines([names] + rows, separator)
    kind = number % 10
    if kind == 0:
        data = f"sep={separator}\r\n".encode() + plainly
    elif kind == 1:
        data = plainly.decode().encode("utf-16")
    elif kind == 2:
        data, reading = plainly.decode().encode("latin-1"), {"encoding": "latin-1"}
    elif kind == 3:
        data, reading = plainly.decode().encode("cp1252"), {"encoding": "windows-1252"}
    elif kind == 4:
        data = lines([names] + [row + [""] for row in rows], separator)
    elif kind == 5:
        data = lines([names] + [[str(i + 1)] + row for i, row in enumerate(rows)], separator)
    elif kind == 6:
        data = frame.to_csv(sep=separator).encode()
    elif kind == 7:
        data = plainly + b"\x1a"
    elif kind == 8:
        data = plainly.replace(b"\n", b"\n  \n\n", 7)
    else:
        data = frame.reset_index().rename(columns={"index": "Unnamed: 0"}).to_csv(sep=separator, index=False).encode()
    return case(
        data, {"a": ("numeric", frame["a"].astype(float)), "bé": ("categorical", frame["bé"]), "c": ("numeric", frame["c"].astype(float))},
        **reading)


def main():
    rng = random.Random(int(sys.argv[1]))
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for make, count in [(plain, 24), (local, COUNT), (thousands, COUNT), (days, len(FORMS)), (doubt, len(DOUBT)), (values, COUNT), (names, COUNT), (forms, COUNT)]:
        for number in range(count):
            (out / f"{make.__name__}-{number:02}.json").write_text(json.dumps(make(rng, number)))
    print(len(list(out.glob("*.json"))), "cases of pandas", pd.__version__)


main()
