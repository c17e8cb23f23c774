"""Holds our Parquet against pyarrow, pandas and DuckDB: parquet_conformance.py PARQUET-TOOL FOLDER SEED

Writes every type, encoding, codec, version of pages and density of nulls, reads each file with our reader, whole and in parts, and
compares. Then our writer copies each file, and what pyarrow and pandas read of the copy must be what they read of the original.
"""
import decimal
import itertools
import json
import math
import pathlib
import random
import struct
import subprocess
import sys

import duckdb
import numpy
import pandas
import pyarrow
import pyarrow.parquet as parquet

from parquet_values import expected

TOOL, FOLDER, SEED = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
FOLDER.mkdir(parents=True, exist_ok=True)
RNG = random.Random(SEED)
CODECS = ["none", "snappy", "gzip", "zstd", "lz4"]
checked = 0


def run(*arguments):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"parquet-tool {arguments} ended with {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def same(ours, theirs):
    return len(ours) == len(theirs) and all(a == b and type(a) is type(b) for a, b in zip(ours, theirs))


def compare(path, table, what):
    global checked
    for parts in ([], [7], [1000]):
        for line, name in zip(run("show", path, *parts), table.column_names, strict=True):
            theirs = expected(table[name].combine_chunks())
            if line["name"] != name or "error" in line or not same(line["values"], theirs):
                sys.exit(f"{what}, column {name} ({table[name].type}), {parts}: {line.get('error')}\n"
                         f"ours {str(line.get('values'))[:400]}\ntheirs {str(theirs)[:400]}\n{path}")
    checked += 1


def copied(path, table, what, codec):
    """What is read of a copy is what is read of the original; of types that are only read, the numbers and bytes."""
    global checked
    copy = FOLDER / "copy.parquet"
    run("copy", path, copy, codec)
    back = parquet.read_table(copy)
    for name in table.column_names:
        ours, theirs = back[name].combine_chunks(), table[name].combine_chunks()
        kind = theirs.type
        types = pyarrow.types
        if types.is_decimal(kind) or types.is_float16(kind):
            theirs = pyarrow.array([None if v is None else float(v) for v in theirs.to_pylist()],
                                   pyarrow.float64() if types.is_decimal(kind) else pyarrow.float32())
        elif types.is_fixed_size_binary(kind) or types.is_large_binary(kind):
            theirs = theirs.cast(pyarrow.binary())
        elif types.is_large_string(kind):
            theirs = theirs.cast(pyarrow.string())
        elif types.is_dictionary(kind):
            # What is categorical stays so, whatever the codes and their order.
            if not types.is_dictionary(ours.type):
                sys.exit(f"copy of {what}, column {name}: {ours.type} is not categorical")
            ours, theirs = ours.cast(pyarrow.string()), theirs.cast(pyarrow.string())
        if ours.type != theirs.type or repr(ours.to_pylist()) != repr(theirs.to_pylist()):
            sys.exit(f"copy of {what}, column {name}: {ours.type} {str(ours)[:300]}, not {theirs.type} {str(theirs)[:300]}")
    statistics(copy, back)
    duckdb.sql(f"select * from '{copy}'").fetchall()
    compare(copy, back, f"copy of {what}")
    checked += 1


def statistics(path, table):
    """Our bounds hold and are tight, as pyarrow reads them."""
    file = parquet.ParquetFile(path)
    start = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        for index, name in enumerate(table.column_names):
            told = file.metadata.row_group(group).column(index).statistics
            values = [value for value in table[name].slice(start, rows).to_pylist() if value is not None and value == value]
            if told.null_count != table[name].slice(start, rows).null_count:
                sys.exit(f"null_count of {name}: {told.null_count}")
            if told.has_min_max and values and isinstance(values[0], (int, float, str)):
                if (told.min, told.max) != (min(values), max(values)):
                    sys.exit(f"bounds of {name}: {told.min} {told.max}, not {min(values)} {max(values)}")
        start += rows


def values_of(kind, count, distinct):
    """Random values of a type; of few distinct ones where `distinct` is not zero."""
    types = pyarrow.types
    pool = [one(kind) for _ in range(distinct or count)]
    return [pool[RNG.randrange(len(pool))] for _ in range(count)] if distinct else pool


def one(kind):
    types = pyarrow.types
    if types.is_boolean(kind):
        return RNG.random() < 0.4
    if types.is_integer(kind):
        bits = kind.bit_width
        low, high = (0, (1 << bits) - 1) if str(kind).startswith("u") else (-(1 << bits - 1), (1 << bits - 1) - 1)
        return RNG.choice([low, high, 0, 1, RNG.randint(low, high), RNG.randint(max(low, -100), min(high, 100))])
    if types.is_float16(kind):
        return numpy.float16(RNG.choice([0.0, -0.0, math.inf, math.nan, 6e-8, 65504, RNG.gauss(0, 1)]))
    if types.is_floating(kind):
        value = RNG.choice([0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1e300, RNG.gauss(0, 1), RNG.gauss(0, 1)])
        return struct.unpack("f", struct.pack("f", value))[0] if kind == pyarrow.float32() and abs(value) < 1e38 else value
    if types.is_decimal(kind):
        digits = RNG.randint(1, kind.precision)
        unscaled = RNG.choice([-1, 1]) * RNG.randint(0, 10**digits - 1)
        with decimal.localcontext(decimal.Context(prec=80)):
            return decimal.Decimal(unscaled).scaleb(-kind.scale)
    if types.is_timestamp(kind) or types.is_duration(kind):
        return RNG.randint(-(1 << 60), 1 << 60) if kind.unit == "ns" else RNG.randint(-(1 << 45), 1 << 45)
    if types.is_time(kind):
        return RNG.randrange({"ms": 86400 * 10**3, "us": 86400 * 10**6, "ns": 86400 * 10**9}[kind.unit])
    if types.is_date(kind):
        return RNG.randint(-100_000, 100_000)
    if types.is_fixed_size_binary(kind):
        return RNG.randbytes(kind.byte_width)
    text = "".join(RNG.choice("abcäß語😀 ,\"\0") for _ in range(RNG.choice([0, 1, 3, 8, 20, RNG.randrange(60)])))
    return text.encode() + RNG.randbytes(3) if types.is_binary(kind) or types.is_large_binary(kind) else text


def array(kind, count, nulls, distinct):
    values = values_of(kind, count, distinct)
    for index in range(count):
        if RNG.random() < nulls:
            values[index] = None
    types = pyarrow.types
    if types.is_timestamp(kind) or types.is_duration(kind) or types.is_time64(kind):
        return pyarrow.array(values, pyarrow.int64()).cast(kind)
    if types.is_time32(kind) or types.is_date32(kind):
        return pyarrow.array(values, pyarrow.int32()).cast(kind)
    return pyarrow.array(values, kind)


TYPES = [
    pyarrow.bool_(), pyarrow.int8(), pyarrow.int16(), pyarrow.int32(), pyarrow.int64(), pyarrow.uint8(), pyarrow.uint16(), pyarrow.uint32(),
    pyarrow.uint64(), pyarrow.float16(), pyarrow.float32(), pyarrow.float64(), pyarrow.string(), pyarrow.large_string(), pyarrow.binary(),
    pyarrow.binary(7), pyarrow.date32(), pyarrow.time32("ms"), pyarrow.time64("us"), pyarrow.time64("ns"), pyarrow.timestamp("ms"),
    pyarrow.timestamp("us"), pyarrow.timestamp("ns"), pyarrow.timestamp("us", "UTC"), pyarrow.timestamp("ns", "Europe/Amsterdam"),
    pyarrow.duration("us"), pyarrow.decimal128(5, 2), pyarrow.decimal128(18, 6), pyarrow.decimal128(38, 10), pyarrow.decimal256(76, 20),
]
ENCODINGS = {
    "PLAIN": lambda kind: True,
    "DELTA_BINARY_PACKED": lambda kind: physical(kind) in ("i32", "i64"),
    "DELTA_LENGTH_BYTE_ARRAY": lambda kind: physical(kind) == "bytes",
    "DELTA_BYTE_ARRAY": lambda kind: physical(kind) in ("bytes", "fixed"),
    "BYTE_STREAM_SPLIT": lambda kind: physical(kind) in ("i32", "i64", "float", "fixed"),
    "RLE": lambda kind: physical(kind) == "bool",
}


def physical(kind):
    types = pyarrow.types
    if types.is_boolean(kind):
        return "bool"
    if types.is_float16(kind) or types.is_fixed_size_binary(kind) or types.is_decimal(kind):
        return "fixed"
    if types.is_floating(kind):
        return "float"
    if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        return "bytes"
    return "i64" if kind.bit_width == 64 else "i32"


def by_type():
    """A file for each encoding, version of pages, codec and density of nulls, with all types that can be so written."""
    path = FOLDER / "types.parquet"
    for number, (encoding, version, nulls) in enumerate(itertools.product([None, *ENCODINGS], ["1.0", "2.0"], [0, 0.02, 0.5, 1, None])):
        kinds = [kind for kind in TYPES if encoding is None or ENCODINGS[encoding](kind)]
        count = RNG.choice([0, 1, 7, 8, 33, 500, 1500])
        columns, fields = {}, []
        for place, kind in enumerate(kinds):
            name = f"{kind} {place}"
            columns[name] = array(kind, count, nulls or 0, RNG.choice([0, 1, 2, 20, 300]))
            fields.append(pyarrow.field(name, kind, nullable=nulls is not None))
        table = pyarrow.table(columns, schema=pyarrow.schema(fields))
        codec = CODECS[number % len(CODECS)]
        parquet.write_table(table, path, compression=codec, data_page_version=version, use_dictionary=encoding is None,
                            column_encoding=encoding and {name: encoding for name in columns}, write_page_checksum=number % 3 == 0,
                            store_decimal_as_integer=number % 2 == 0 and encoding in (None, "PLAIN"), data_page_size=RNG.choice([64, 1000, 1 << 20]),
                            row_group_size=RNG.choice([100, 700, 5000]), dictionary_pagesize_limit=RNG.choice([100, 1 << 20]))
        what = f"{encoding or 'dictionary'}, pages {version}, {codec}, nulls {nulls}, {count} rows"
        table = parquet.read_table(path)
        compare(path, table, what)
        copied(path, table, what, ["none", "snappy", "zstd"][number % 3])


def others():
    """What pandas and DuckDB write, moments of old, categories, and columns that only some can be read of."""
    rows = 2000
    frame = pandas.DataFrame({
        "x": [RNG.gauss(0, 1) for _ in range(rows)], "n": pandas.array([RNG.choice([None, 1, 2**40]) for _ in range(rows)], "Int64"),
        "s": [RNG.choice(["a", "bb", None, "längster"]) for _ in range(rows)],
        "c": pandas.Categorical([RNG.choice(["low", "high", None]) for _ in range(rows)], ["low", "mid", "high"]),
        "t": pandas.date_range("2020-01-01", periods=rows, freq="37min", tz="Asia/Tokyo"), "b": [RNG.random() < 0.5 for _ in range(rows)],
    })
    path = FOLDER / "pandas.parquet"
    for codec in (None, *CODECS[1:]):
        frame.to_parquet(path, compression=codec, row_group_size=RNG.choice([300, 5000]))
        table = parquet.read_table(path)
        compare(path, table, f"pandas, {codec}")
        copied(path, table, f"pandas, {codec}", "snappy")
        back = pandas.read_parquet(FOLDER / "copy.parquet")
        left, right = frame.astype({"c": "str"}), back.astype({"c": "str", "n": "Int64"})
        pandas.testing.assert_frame_equal(left, right, check_dtype=False)
        if str(back["c"].dtype) != "category" or str(back["t"].dtype).split(", ")[1] != "Asia/Tokyo]":
            sys.exit(f"pandas reads {back.dtypes}")
    parquet.write_table(pyarrow.table({"t": pyarrow.array([0, None, 10**18, -10**17], pyarrow.timestamp("ns"))}), path, use_deprecated_int96_timestamps=True)
    compare(path, parquet.read_table(path), "INT96")
    parquet.write_table(pyarrow.table({"t": pyarrow.array([b"0123456789abcdef", None] * 9, pyarrow.uuid())}), path)
    if run("show", path)[0]["values"] != [b"0123456789abcdef".hex(), None] * 9:
        sys.exit("UUIDs differ")
    duck()
    nested()


def duck():
    path = FOLDER / "duckdb.parquet"
    for codec, version in itertools.product(["uncompressed", "snappy", "gzip", "zstd", "lz4_raw"], ["V1", "V2"]):
        duckdb.sql(f"""copy (select range as i, range::double / 7 as x, case when range % 5 = 0 then null else 'text ' || range % 37 end as s,
            range % 2 = 0 as b, (range % 1000)::decimal(9, 3) / 8 as d, date '2020-01-01' + (range % 3000)::int as day,
            timestamp '2020-01-01' + interval (range) minute as t, timestamptz '2020-01-01' + interval (range) second as z,
            range::utinyint as u, (range * 31 % 77)::float as f, range || 'unique' as q, uuid() as id
            from range(250)) to '{path}' (format parquet, codec '{codec}', parquet_version {version}, row_group_size 2048)""")
        table = parquet.read_table(path)
        table = table.set_column(table.column_names.index("id"), "id", table["id"].cast(pyarrow.binary(16)))
        compare(path, table, f"DuckDB, {codec}, {version}")
    duckdb.sql(f"copy (select range as i, 'text ' || range % 37 as s, hash(range) as h from range(300000)) to '{path}' (format parquet)")
    compare(path, parquet.read_table(path), "DuckDB, several row groups")


def nested():
    path = FOLDER / "nested.parquet"
    table = pyarrow.table({"a": [1, 2], "l": [[1, 2], []], "s": [{"p": 1, "q": [2]}, None], "m": pyarrow.array([[("k", 1)], []], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
                           "z": ["x", None]})
    parquet.write_table(table, path)
    lines = run("show", path)
    if [line["name"] for line in lines if "error" in line] != ["l", "s", "m"] or lines[4]["values"] != ["x", None] or lines[0]["values"] != [1, 2]:
        sys.exit(f"nested: {lines}")


def large():
    """Pages, dictionaries and runs of the sizes that tables have."""
    rows, rng = 150_000, numpy.random.default_rng(SEED)
    table = pyarrow.table({
        "normal": rng.normal(size=rows), "rounded": rng.normal(size=rows).round(2), "codes": rng.integers(0, 70_000, rows), "sorted": numpy.arange(rows),
        "runs": numpy.repeat(rng.integers(0, 9, rows // 1000), 1000), "text": [f"name {i}" for i in rng.integers(0, 200_000, rows)],
        "nulls": pyarrow.array(rng.normal(size=rows), mask=rng.random(rows) < 0.3), "flags": rng.random(rows) < 0.01,
        "words": pyarrow.array([f"w{i}" for i in rng.integers(0, 50, rows)]).dictionary_encode(),
    })
    path = FOLDER / "large.parquet"
    for codec, version in (("snappy", "1.0"), ("zstd", "2.0"), ("lz4", "1.0")):
        parquet.write_table(table, path, compression=codec, data_page_version=version)
        lines = run("show", path)
        for line, name in zip(lines, table.column_names, strict=True):
            if not same(line["values"], expected(table[name].combine_chunks())):
                sys.exit(f"large, {codec}, {version}: {name}")
    copied(path, parquet.read_table(path), "large", "snappy")


by_type()
others()
large()
print(f"{checked} files are read by our reader and written by ours as pyarrow, pandas and DuckDB have them")
