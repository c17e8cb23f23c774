"""What our reader should give for columns that pyarrow has read, as JSON: numbers, texts, bytes in base 16; numbers that JSON lacks as texts."""
import math

import pyarrow


def number(value):
    value = float(value)
    return value if math.isfinite(value) else {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")


def expected(column):
    """The values of an Arrow array."""
    kind = column.type
    types = pyarrow.types
    if types.is_dictionary(kind):
        return column.cast(kind.value_type).to_pylist()
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind):
        return column.to_pylist()
    if types.is_floating(kind) or types.is_decimal(kind):
        return [None if value is None else number(value) for value in column.to_pylist()]
    if types.is_timestamp(kind) or types.is_time64(kind) or types.is_duration(kind):
        return column.cast(pyarrow.int64()).to_pylist()
    if types.is_date(kind) or types.is_time32(kind):
        return column.cast(pyarrow.int32()).to_pylist()
    if types.is_binary(kind) or types.is_fixed_size_binary(kind) or types.is_large_binary(kind):
        return [None if value is None else bytes(value).hex() for value in column.to_pylist()]
    raise ValueError(kind)
