"""Small Parquet files of pyarrow, pandas and DuckDB with the values that they hold, for the unit tests: parquet_files.py FOLDER"""
import decimal
import json
import pathlib
import sys

import duckdb
import pandas
import pyarrow
import pyarrow.parquet as parquet

from parquet_values import expected

FOLDER = pathlib.Path(sys.argv[1])
FOLDER.mkdir(parents=True, exist_ok=True)
ROWS = 40


def column(kind, make, missing=7):
    return pyarrow.array([None if missing and i % missing == 3 else make(i) for i in range(ROWS)], kind)


WHOLE = {
    "i8": column(pyarrow.int8(), lambda i: i - 20), "u16": column(pyarrow.uint16(), lambda i: i * 1000), "i32": column(pyarrow.int32(), lambda i: i * i - 500),
    "u32": column(pyarrow.uint32(), lambda i: 2**32 - 1 - i % 5), "i64": column(pyarrow.int64(), lambda i: (-1)**i * 3**i), "u64": column(pyarrow.uint64(), lambda i: 2**63 + i),
    "date": column(pyarrow.date32(), lambda i: i * 300 - 5000), "time": column(pyarrow.time32("ms"), lambda i: i * 1000),
    "when": column(pyarrow.timestamp("us", "Europe/Amsterdam"), lambda i: i * 10**12), "wall": column(pyarrow.timestamp("ns"), lambda i: i * 10**15, None),
}
REAL = {
    "f32": column(pyarrow.float32(), lambda i: i / 7), "f64": column(pyarrow.float64(), lambda i: float("nan") if i == 5 else i / 7), "f16": column(pyarrow.float16(), lambda i: i / 8),
}
TEXT = {
    "text": column(pyarrow.string(), lambda i: "prefix " + "é" * (i % 4) + str(i // 3)), "bytes": column(pyarrow.binary(), lambda i: bytes([i, 255 - i]) * (i % 3)),
    "plain": column(pyarrow.string(), lambda i: f"value {i}", None),
}
OTHER = {
    "flag": column(pyarrow.bool_(), lambda i: i % 3 == 0), "fixed": column(pyarrow.binary(5), lambda i: bytes([i] * 5)),
    "price": column(pyarrow.decimal128(9, 2), lambda i: decimal.Decimal(i * 123 - 1000).scaleb(-2)),
    "large": column(pyarrow.decimal128(38, 10), lambda i: decimal.Decimal(7**i).scaleb(-10)),
    "kind": column(pyarrow.string(), lambda i: ["low", "high", "mid"][i % 3]).dictionary_encode(),
}
ALL = pyarrow.table(WHOLE | REAL | TEXT | OTHER)


def write(name, columns, **options):
    path = FOLDER / f"{name}.parquet"
    parquet.write_table(pyarrow.table(columns), path, row_group_size=25, **options)
    describe(path)


def describe(path):
    table = parquet.read_table(path)
    values = {name: expected(table[name].combine_chunks()) for name in table.column_names if not pyarrow.types.is_nested(table[name].type)}
    path.with_suffix(".json").write_text(json.dumps(values, separators=(",", ":"), ensure_ascii=False))


def encoded(name, columns, encoding, **options):
    write(name, columns, use_dictionary=False, column_encoding={key: encoding for key in columns}, **options)


write("dictionary", ALL, compression="snappy", write_page_checksum=True)
write("plain", ALL, compression="none", use_dictionary=False)
write("version2", ALL, compression="zstd", data_page_version="2.0")
write("gzip", REAL | TEXT, compression="gzip")
encoded("delta", WHOLE, "DELTA_BINARY_PACKED", compression="lz4", data_page_version="2.0")
encoded("split", REAL | {"i32": WHOLE["i32"], "fixed": OTHER["fixed"]}, "BYTE_STREAM_SPLIT", compression="zstd")
encoded("lengths", TEXT, "DELTA_LENGTH_BYTE_ARRAY", compression="snappy")
encoded("prefixes", TEXT | {"fixed": OTHER["fixed"]}, "DELTA_BYTE_ARRAY", compression="none")
encoded("runs", {"flag": OTHER["flag"]}, "RLE", compression="none", data_page_version="2.0")
write("fallback", TEXT, dictionary_pagesize_limit=64, data_page_size=64, write_batch_size=8)
write("int96", {"t": WHOLE["wall"]}, use_deprecated_int96_timestamps=True)
write("nested", {"a": REAL["f64"], "list": pyarrow.array([[i, i] for i in range(ROWS)]), "group": pyarrow.array([{"p": i, "q": [i]} for i in range(ROWS)]), "z": TEXT["plain"]})
frame = pandas.DataFrame({
    "x": [i / 3 for i in range(ROWS)], "n": pandas.array([None if i % 4 == 0 else i for i in range(ROWS)], "Int64"),
    "c": pandas.Categorical(["low" if i % 2 else None for i in range(ROWS)], ["high", "low"]), "t": pandas.date_range("2024-01-01", periods=ROWS, tz="UTC"),
})
frame.to_parquet(FOLDER / "pandas.parquet")
describe(FOLDER / "pandas.parquet")
duckdb.sql(f"""copy (select range as i, range / 7 as x, if(range % 5 = 0, null, 'text ' || range % 3) as s, range % 2 = 0 as b,
    (range % 100)::decimal(9, 3) / 8 as d, date '2020-01-01' + range::int as day, timestamp '2020-01-01' + interval (range) minute as t
    from range({ROWS})) to '{FOLDER}/duckdb.parquet' (format parquet)""")
describe(FOLDER / "duckdb.parquet")
