"""flwr's ArrayRecord as safetensors and back, without pickling and without a second copy of what is sent.

flwr keeps an array as the bytes of a .npy file: behind its header they are what safetensors holds. What numpy or safetensors
have no name for (an array of strings, the raw bytes of flwr's old Parameters) travels as bytes with flwr's `stype`.
"""

import io
import json
import math
import struct

import numpy as np
from flwr.app import Array, ArrayRecord

NUMPY = "numpy.ndarray"
# A .npy file whose type safetensors does not know.
_NPY = "numpy.ndarray;npy"

_CODES = {
    "float16": "F16", "float32": "F32", "float64": "F64", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool": "BOOL",
}  # fmt: skip
_DTYPES = {code: np.dtype(name) for name, code in _CODES.items()}


def encode(record: ArrayRecord) -> list:
    """The record as buffers of one safetensors file."""
    header, stypes, buffers, end = {}, {}, [], 0
    for name, array in record.items():
        code, shape, buffer, stype = _plain(array)
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [end, end + len(buffer)]}
        if stype != NUMPY:
            stypes[name] = stype
        buffers.append(buffer)
        end += len(buffer)
    if stypes:
        header = {"__metadata__": {"stype": json.dumps(stypes)}, **header}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [struct.pack("<Q", len(text)) + text, *buffers]


def decode(data: memoryview) -> ArrayRecord:
    """The record in the bytes of a safetensors file."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(bytes(data[8 : 8 + length]))
    stypes = json.loads(header.pop("__metadata__", {}).get("stype", "{}"))
    body = data[8 + length :]
    record = ArrayRecord()
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        record[name] = _array(entry["dtype"], tuple(entry["shape"]), body[begin:end], stypes.get(name, NUMPY))
    return record


def from_ndarrays(arrays: "dict[str, np.ndarray]") -> ArrayRecord:
    """A record of numpy's arrays by name."""
    record = ArrayRecord()
    for name, array in arrays.items():
        record[name] = Array(np.asarray(array))
    return record


def _plain(array: Array) -> tuple:
    """The safetensors code, shape, bytes and stype of an array."""
    if array.stype != NUMPY:
        return "U8", [len(array.data)], memoryview(array.data), array.stype
    found = _npy_header(array.data)
    if found is None:
        return "U8", [len(array.data)], memoryview(array.data), NUMPY + ";raw"
    shape, fortran, dtype, start = found
    code = _CODES.get(dtype.name)
    if code is None:
        return "U8", [len(array.data)], memoryview(array.data), _NPY
    body = memoryview(array.data)[start:]
    if (fortran and len(shape) > 1) or not (dtype.isnative or dtype.itemsize == 1):
        values = np.load(io.BytesIO(array.data), allow_pickle=False)
        body = memoryview(np.ascontiguousarray(values, dtype=dtype.newbyteorder("<")).reshape(-1).view(np.uint8))
    return code, list(shape), body[: math.prod(shape) * dtype.itemsize], NUMPY


def _npy_header(data: bytes) -> "tuple | None":
    if data[:6] != b"\x93NUMPY":
        return None
    file = io.BytesIO(data[: 1 << 16])
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return shape, fortran, dtype, file.tell()


def _array(code: str, shape: tuple, body: memoryview, stype: str) -> Array:
    if stype == _NPY:
        values = np.load(io.BytesIO(body), allow_pickle=False)
        return Array(dtype=str(values.dtype), shape=tuple(values.shape), stype=NUMPY, data=bytes(body))
    if stype == NUMPY + ";raw":
        return Array(dtype="", shape=(), stype=NUMPY, data=bytes(body))
    if stype != NUMPY:
        return Array(dtype="", shape=(), stype=stype, data=bytes(body))
    dtype = _DTYPES.get(code)
    if dtype is None:
        raise ValueError(f"an array has the type {code}, which numpy does not know")
    file = io.BytesIO()
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return Array(dtype=str(dtype), shape=shape, stype=NUMPY, data=b"".join((file.getvalue(), body)))
