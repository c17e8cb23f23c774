"""What a strategy and the generators of random numbers remember, as values without code: JSON and arrays.

Unpickling would run whatever stands in a file that other algorithms of the node can write; this cannot.
"""

import base64
import enum
import os
import pathlib
import random
import sys
import types

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

_RECORDS = {kind.__name__: kind for kind in (ArrayRecord, MetricRecord, ConfigRecord, RecordDict)}
# Kept as the app that is started anew has them.
_TOOLS = ("logging", "_thread", "threading", "_io", "functools")
_CODE = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType, type)


class NotKept(Exception):
    """A value that has no form without code."""


_HEAP_TYPE = 1 << 9


class Memory:
    """Values on their way to JSON and numbered arrays, or back.

    Objects are put back into those that the app makes when it starts. `places` says where it has such; without it, this
    memory finds them (`found`).
    """

    def __init__(self, arrays: "list[np.ndarray] | None" = None, places: "set[tuple] | None" = None) -> None:
        self.arrays: "list[np.ndarray]" = arrays or []
        self.found: "set[tuple]" = set()
        self._places = places
        self._open: "set[int]" = set()

    # -- From values

    def write(self, value, place: str):
        """The value's JSON."""
        if isinstance(value, enum.Enum):
            self._there(value, place)
            return {"enum": value.name}
        if value is None or isinstance(value, (bool, str)) or type(value) is int:
            return value
        if type(value) is float:
            return {"float": value.hex()}
        if isinstance(value, bytes):
            return {"bytes": base64.b64encode(value).decode()}
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value), place)}
        if isinstance(value, np.ndarray):
            return {"ndarray": self._array(value, place)}
        if isinstance(value, Array):
            return {"array": self._array(np.frombuffer(value.data, np.uint8), place), "of": [value.dtype, list(value.shape), value.stype]}
        if isinstance(value, tuple(_RECORDS.values())):
            kind = type(value).__name__
            return {"record": kind, "items": [[key, self.write(item, f"{place}[{key!r}]")] for key, item in value.items()]}
        if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
            # What has another length now may hold other things in the same places.
            inside = f"{place}({len(value)})"
            return {type(value).__name__: [self.write(item, f"{inside}[{index}]") for index, item in enumerate(value)]}
        if isinstance(value, (set, frozenset)):
            kind = "frozenset" if isinstance(value, frozenset) else "set"
            return {kind: [self._unplaced(item, place) for item in sorted(value, key=repr)]}
        if isinstance(value, dict):
            items = [[self._unplaced(key, place), self.write(item, f"{place}[{key!r}]")] for key, item in value.items()]
            return {"dict": items}
        if type(value) is random.Random:
            return {"random": self.write(value.getstate(), place)}
        torch = sys.modules.get("torch")
        if torch and isinstance(value, torch.Tensor):
            return {"tensor": self._array(value.detach().cpu().numpy(), place)}
        if isinstance(value, os.PathLike):
            return {"path": os.fspath(value)}
        if isinstance(value, _CODE) or type(value).__module__ in _TOOLS:
            self._there(value, place)
            return {"code": True}
        return self._object(value, place)

    def members(self, values: dict, place: str) -> dict:
        """The JSON of an object's attributes."""
        return {name: self.write(item, f"{place}.{name}") for name, item in values.items()}

    def _unplaced(self, value, place: str):
        """The JSON of a key or an element of a set, which have no place where the app could have an object."""
        outer, self._places = self._places, set()
        try:
            return self.write(value, place)
        finally:
            self._places = outer

    def _there(self, value, place: str) -> None:
        """Makes sure that the app, when it starts, has something of this kind in this place."""
        here = (place, type(value).__qualname__)
        if self._places is not None and here not in self._places:
            raise NotKept(f"{place} is a {type(value).__name__} that the app does not have when it starts")
        self.found.add(here)

    def _array(self, value: np.ndarray, place: str) -> int:
        if value.dtype.hasobject:
            raise NotKept(f"{place} is an array of Python objects")
        self.arrays.append(value)
        return len(self.arrays) - 1

    def _object(self, value, place: str):
        """An object of the app's own: what its attributes are, to be put back into the one that the app makes anew."""
        # What is written in C keeps things that are no attributes.
        if not hasattr(value, "__dict__") or any(not base.__flags__ & _HEAP_TYPE for base in type(value).__mro__[:-1]):
            raise NotKept(f"{place} is a {type(value).__name__}")
        self._there(value, place)
        if id(value) in self._open:
            return {"code": True}
        self._open.add(id(value))
        members = self.members(vars(value), place)
        self._open.discard(id(value))
        return {"object": type(value).__qualname__, "members": members}

    # -- Back to values

    def read(self, json, old=None):
        """The value of a JSON; `old` is what the app has there now."""
        if not isinstance(json, dict):
            return json
        if "float" in json:
            return float.fromhex(json["float"])
        if "bytes" in json:
            return base64.b64decode(json["bytes"])
        if "scalar" in json:
            return self.arrays[json["scalar"]][()]
        if "ndarray" in json:
            return self.arrays[json["ndarray"]].copy()
        if "array" in json:
            dtype, shape, stype = json["of"]
            return Array(dtype=dtype, shape=tuple(shape), stype=stype, data=self.arrays[json["array"]].tobytes())
        if "record" in json:
            record = _RECORDS[json["record"]]()
            for key, item in json["items"]:
                record[key] = self.read(item)
            return record
        if "list" in json or "tuple" in json:
            items = json.get("list", json.get("tuple"))
            olds = old if isinstance(old, (list, tuple)) and len(old) == len(items) else [None] * len(items)
            values = [self.read(item, before) for item, before in zip(items, olds)]
            return values if "list" in json else tuple(values)
        if "enum" in json:
            return type(old)[json["enum"]]
        if "random" in json:
            generator = random.Random()
            generator.setstate(self.read(json["random"]))
            return generator
        if "set" in json:
            return {self.read(item) for item in json["set"]}
        if "frozenset" in json:
            return frozenset(self.read(item) for item in json["frozenset"])
        if "dict" in json:
            olds = old if isinstance(old, dict) else {}
            values = {}
            for key, item in json["dict"]:
                key = self.read(key)
                values[key] = self.read(item, olds.get(key))
            if isinstance(old, dict) and type(old) is not dict:
                old.clear()
                old.update(values)
                return old
            return values
        if "tensor" in json:
            return sys.modules["torch"].from_numpy(self.arrays[json["tensor"]].copy())
        if "path" in json:
            return type(old)(json["path"]) if isinstance(old, os.PathLike) else pathlib.Path(json["path"])
        if "object" in json:
            self.put_back(json["members"], old)
        return old

    def put_back(self, members: dict, old) -> None:
        """Gives an object the attributes that were written."""
        for name, item in members.items():
            vars(old)[name] = self.read(item, vars(old).get(name))


def generators() -> dict:
    """Where the generators of random numbers stand."""
    states = {"random": random.getstate(), "numpy": np.random.get_state()}
    torch = sys.modules.get("torch")
    if torch:
        states["torch"] = torch.get_rng_state()
    return states


def set_generators(states: dict) -> None:
    """Puts the generators where they stood."""
    random.setstate(states["random"])
    np.random.set_state(states["numpy"])
    torch = sys.modules.get("torch")
    if torch and "torch" in states:
        torch.set_rng_state(states["torch"])
