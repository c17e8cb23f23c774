"""flwr's messages as the JSON of v6-flower's payload (`Payload.swift`, `RecordJSON.swift`) and blobs, and back."""

import base64
import inspect
import math

from flwr.app import ArrayRecord, ConfigRecord, Error, Message, Metadata, MetricRecord, RecordDict

from . import arrays

_METADATA = {
    "run_id": int, "message_id": str, "src_node_id": int, "dst_node_id": int, "reply_to_message_id": str, "group_id": str,
    "created_at": float, "ttl": float, "message_type": str,
}  # fmt: skip


class Blobs:
    """The arrays that the records of one frame speak of: a record that several messages share is there once."""

    def __init__(self) -> None:
        self.parts: "list[tuple[str, list]]" = []
        self._names: "dict[int, str]" = {}
        self._kept: list = []

    def name(self, record: ArrayRecord) -> str:
        """The name of a record's blob."""
        name = self._names.get(id(record))
        if name is None:
            name = self._names[id(record)] = self.add(arrays.encode(record))
            # An object that is gone could give its id to another.
            self._kept.append(record)
        return name

    def add(self, parts: list) -> str:
        """Adds bytes and gives their name."""
        self.parts.append((str(len(self.parts)), parts))
        return self.parts[-1][0]


def encode(message: Message, blobs: Blobs) -> dict:
    """A message's JSON."""
    # An app draws nodes with NumPy, whose numbers are not JSON's.
    json = {"metadata": {name: kind(getattr(message.metadata, name)) for name, kind in _METADATA.items()}}
    if message.has_error():
        json["error"] = {"code": message.error.code, "reason": message.error.reason or ""}
    else:
        json["content"] = encode_records(message.content, blobs)
    return json


def decode(json: dict, blobs: dict) -> Message:
    """A message from its JSON."""
    known = inspect.signature(Metadata.__init__).parameters
    values = {name: json["metadata"][name] for name in _METADATA}
    values.update({name: 1 for name in ("src_task_id", "dst_task_id") if name in known})
    metadata = Metadata(**values)
    if "error" in json:
        return Message(error=Error(json["error"]["code"], json["error"]["reason"]), metadata=metadata)
    return Message(content=decode_records(json["content"], blobs), metadata=metadata)


def encode_records(records: RecordDict, blobs: Blobs) -> dict:
    """A RecordDict's JSON."""
    json = {}
    for name, record in records.items():
        if isinstance(record, ArrayRecord):
            json[name] = {"arrays": blobs.name(record)}
        else:
            json[name] = {"metrics" if isinstance(record, MetricRecord) else "configs": encode_values(record)}
    return json


def decode_records(json: dict, blobs: dict) -> RecordDict:
    """A RecordDict from its JSON."""
    records = RecordDict()
    for name, record in json.items():
        if "arrays" in record:
            records[name] = arrays.decode(blobs[record["arrays"]])
        elif "metrics" in record:
            records[name] = MetricRecord({key: _value(value) for key, value in record["metrics"].items()})
        else:
            records[name] = ConfigRecord({key: _value(value) for key, value in record["configs"].items()})
    return records


def encode_values(record) -> dict:
    """The values of a MetricRecord or ConfigRecord, with types that JSON does not keep apart written out."""
    return {key: _json(value) for key, value in record.items()}


# The metrics of flwr's Result.
RESULT = ("train_metrics_clientapp", "evaluate_metrics_clientapp", "evaluate_metrics_serverapp")


def encode_result(metrics: dict) -> dict:
    """The JSON of a Result's metrics: by name, round and metric."""
    return {
        kind: {str(number): encode_values(record) for number, record in rounds.items()} for kind, rounds in metrics.items()
    }


def decode_result(json: dict) -> dict:
    """A Result's metrics from their JSON."""
    return {
        kind: {int(number): decode_records({"": {"metrics": record}}, {})[""] for number, record in rounds.items()}
        for kind, rounds in json.items()
    }


def _json(value):
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return {"float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    kind = type(value[0]) if len(value) else int
    if kind is bool:
        return {"bools": list(value)}
    if issubclass(kind, int):
        return {"ints": [int(item) for item in value]}
    if issubclass(kind, float):
        return {"floats": [_json(item) for item in value]}
    if kind is str:
        return {"strings": list(value)}
    return {"bytes_list": [base64.b64encode(item).decode() for item in value]}


def _value(json):
    if not isinstance(json, dict):
        return json
    ((tag, value),) = json.items()
    if tag == "float":
        return float(value)
    if tag == "bytes":
        return base64.b64decode(value)
    if tag == "bytes_list":
        return [base64.b64decode(item) for item in value]
    return [_value(item) for item in value]
