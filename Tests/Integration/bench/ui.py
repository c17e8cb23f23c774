"""What vantage6's UI (4.14.0, vantage6-ui/src/app) does between a form and a task, and between a result and the screen.

Each function follows the file that it names, step by step.
"""
import base64
import json

LISTS = ("string_list", "integer_list", "float_list", "column_list", "organization_list")


def form(arguments):
    """The form's controls as they stand when a person has touched nothing: `addParameterFormControlsForFunction` in
    pages/analyze/task/task.helper.ts."""
    controls = {}
    for argument in arguments:
        controls[argument["name"]] = False if argument["type"] == "boolean" else None
        default = argument.get("default_value")
        if argument["has_default_value"] and default:
            if argument["type"] == "boolean":
                controls[argument["name"]] = default.lower() == "true"
            else:
                controls[argument["name"]] = json.loads(default) if argument["type"] in LISTS else default
    return controls


def is_shown(arguments, argument, controls):
    """`shouldDisplayArgument` in pages/analyze/task/create/task-create.component.ts, for the operators that we use."""
    if "conditional_on" not in argument:
        return True
    assert argument["conditional_operator"] == "=="
    return controls[argument["conditional_on"]] == argument["conditional_value"]


def show(arguments, controls):
    """Drawing a list of inputs replaces its control by an empty one: `getFormArrayControls` in the same file."""
    for argument in arguments:
        if argument["type"] in ("string_list", "integer_list", "float_list") and is_shown(arguments, argument, controls):
            controls[argument["name"]] = []
    return controls


def number(value):
    """JavaScript's Number, as JSON.stringify writes it."""
    value = float(value or 0)
    return int(value) if value.is_integer() else value


def kwargs(arguments, controls):
    """`handleSubmit` in the same file."""
    given = {}
    for argument in arguments:
        value, kind = controls[argument["name"]], argument["type"]
        if argument.get("is_frontend_only") or (argument["has_default_value"] and value is None):
            continue
        if kind == "json":
            given[argument["name"]] = json.loads(value)
        elif kind in ("float", "integer"):
            given[argument["name"]] = number(value)
        elif kind in ("float_list", "integer_list", "organization_list"):
            given[argument["name"]] = [number(one) for one in value]
        else:
            given[argument["name"]] = value
    return given


def submit(bench, image, function, given, at, store=None):
    """The request that `handleSubmit` ends in, without a client between."""
    text = json.dumps({"method": function["name"], "kwargs": given}, ensure_ascii=False, separators=(",", ":"))
    body = {"name": "from the form", "description": "", "image": image, "collaboration_id": bench.collaboration,
            "databases": [{"label": "default"} for _ in function["databases"]],
            "organizations": [{"id": bench.ids[at], "input": base64.b64encode(text.encode("latin-1")).decode()}]}
    if store:
        body.update(store_id=store, server_url=bench.client.base_path)
    return bench.client.request("task", method="post", json=body)["id"]


def is_nested(data):
    """helpers/utils.helper.ts; for JavaScript null is an object."""
    values = data if isinstance(data, list) else data.values()
    return any(value is None or isinstance(value, (dict, list)) for value in values)


def located(result, visualization):
    for key in visualization["schema"].get("location", []):
        result = result[key]
    return result


def table(result, visualization):
    """Columns and rows: components/visualization/visualize-table/visualize-table.component.ts."""
    data, wanted = located(result, visualization), visualization["schema"].get("columns") or None
    if not isinstance(data, list) and is_nested(data):
        columns = wanted or list(data)
        indices = list(next(iter(data.values())))
        rows = [{column: data[column][index] for column in columns} for index in indices]
        if indices and indices[0] != "0":
            rows = [{"parameter": index, **row} for index, row in zip(indices, rows)]
            columns = ["parameter", *columns]
        return columns, rows
    data = data if isinstance(data, list) else [data]
    return wanted or list(data[0]), data


def line(result, visualization):
    """Points: components/visualization/visualize-line/visualize-line.component.ts."""
    data = located(result, visualization)
    assert not isinstance(data, list) and is_nested(data), "Data format not recognized"
    return list(data[visualization["schema"]["x"]].values()), list(data[visualization["schema"]["y"]].values())
