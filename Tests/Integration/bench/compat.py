"""What must be so before vantage6 is imported, in each of the bench's processes. Reads BENCH_FOLDER, the bench's state."""
import enum
import os
import pathlib
import sys

FOLDER = pathlib.Path(os.environ["BENCH_FOLDER"])


def prepare():
    """Keeps vantage6's folders in the bench, and lets 4.15 run on Python 3.11 and on hosts that look like containers."""
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        os.environ[variable] = str(FOLDER / "xdg" / variable.lower())
    if sys.version_info >= (3, 11):
        # vantage6 4.15 is written for Python 3.10: it formats (str, Enum) members and expects their value.
        def old(self, spec):
            kind = type(self)._member_type_
            return str.__format__(str(self), spec) if kind is object else kind.__format__(self._value_, spec)
        enum.Enum.__format__ = old
    import vantage6.common.docker.addons as addons
    addons.running_in_docker = lambda: False
    from vantage6.cli.context.node import NodeContext
    NodeContext.running_in_docker = False  # 4.15.2 reads it, but only DockerNodeContext has it
