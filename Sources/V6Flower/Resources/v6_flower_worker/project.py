"""What an app's pyproject.toml says of it."""

import os
import re
import sys
import traceback


class NotAnApp(Exception):
    """A folder that holds no Flower app, or a component that cannot be loaded; the text is one sentence."""


def describe(folder: str) -> dict:
    """Name, version, summary, run config (flattened with dots, as Flower does), components and dependencies. Imports nothing of flwr."""
    path = os.path.join(folder, "pyproject.toml")
    try:
        import tomllib
    except ImportError:  # Python 3.10: flwr brings it
        import tomli as tomllib
    try:
        with open(path, "rb") as file:
            project = tomllib.load(file)
    except OSError as error:
        raise NotAnApp(f"{path} cannot be read ({error.strerror}): a Flower app is a folder with a pyproject.toml") from None
    except tomllib.TOMLDecodeError as error:
        raise NotAnApp(f"{path} is no TOML: {error}") from None
    app = project.get("tool", {}).get("flwr", {}).get("app")
    if not isinstance(app, dict):
        raise NotAnApp(f"{path} has no [tool.flwr.app]: `flwr new` shows how a Flower app describes itself")
    components = app.get("components", {})
    for name, reference in components.items():
        if not isinstance(reference, str) or not re.fullmatch(r"[\w.]+:[\w.]+", reference):
            raise NotAnApp(f"{path}: the component {name} must be 'module:attribute', not {reference!r}")
    if not components.keys() & {"serverapp", "clientapp"}:
        raise NotAnApp(f"{path} names neither serverapp nor clientapp under [tool.flwr.app.components]")
    about = project.get("project", {})
    return {
        "name": str(about.get("name", os.path.basename(os.path.abspath(folder)))),
        "version": str(about.get("version", "")),
        "summary": str(about.get("description", "")),
        "config": flatten(app.get("config", {}), path),
        "components": {name: components[name] for name in ("serverapp", "clientapp") if name in components},
        "dependencies": [str(entry) for entry in about.get("dependencies", [])],
    }


def flatten(config: dict, path: str, prefix: str = "") -> dict:
    """The run config as Flower flattens it: `{"a": {"b": 1}}` becomes `{"a.b": 1}`."""
    flat = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat.update(flatten(value, path, f"{prefix}{key}."))
        elif isinstance(value, (bool, int, float, str)):
            flat[prefix + key] = value
        else:
            raise NotAnApp(f"{path}: the run config {prefix}{key} is a {type(value).__name__}; Flower allows bool, int, float and str")
    return flat


def load(folder: str, component: str):
    """The app's component, imported from its folder. Shows the app's own traceback where that fails."""
    import importlib

    reference = describe(folder)["components"].get(component)
    if reference is None:
        raise NotAnApp(f"{folder}/pyproject.toml names no {component} under [tool.flwr.app.components]")
    module, attributes = reference.split(":")
    sys.path.insert(0, os.path.abspath(folder))
    try:
        found = importlib.import_module(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
        return found
    except BaseException as error:
        traceback.print_exc()
        raise NotAnApp(f"the {component} {reference} cannot be imported: {type(error).__name__}: {error}") from None
