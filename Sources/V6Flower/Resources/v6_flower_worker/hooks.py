"""What happens when the app imports a module: heavy packages are touched only where the app uses them."""

import importlib.abc
import importlib.util
import random
import sys

_actions: dict = {}


def after_import(name: str, action) -> None:
    """Calls `action` with the module `name` once it is imported; at once where it already is."""
    if name in sys.modules:
        action(sys.modules[name])
    else:
        _actions[name] = action


# Of what flwr imports, what no app needs before it uses it: a fifth of the time.
_LAZY = {"httpx", "flwr.simulation"}


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        action = _actions.pop(name, None)
        is_lazy = name in _LAZY
        _LAZY.discard(name)
        if action is None and not is_lazy:
            return None
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        if is_lazy:
            spec.loader = importlib.util.LazyLoader(spec.loader)
            return spec
        run = spec.loader.exec_module

        def run_and_act(module) -> None:
            run(module)
            action(module)

        spec.loader.exec_module = run_and_act
        return spec


sys.meta_path.insert(0, _Finder())


def quick_flwr() -> None:
    """Imports flwr's package without all of its parts, which its `__init__` gathers: the first look at one that is not there fetches
    them. Raises ImportError where there is no flwr."""
    spec = importlib.util.find_spec("flwr")
    if spec is None or spec.loader is None:
        raise ImportError("No module named 'flwr'")
    package = importlib.util.module_from_spec(spec)

    def fetch(name: str):
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        del package.__getattr__
        spec.loader.exec_module(package)
        return getattr(package, name)

    package.__getattr__ = fetch
    sys.modules["flwr"] = package


def seed(number: int) -> None:
    """Seeds the generators of `random`, NumPy and torch; torch's when the app imports it."""
    random.seed(number)
    after_import("numpy", lambda numpy: numpy.random.seed(number % 2**32))
    after_import("torch", lambda torch: torch.manual_seed(number % 2**63))
