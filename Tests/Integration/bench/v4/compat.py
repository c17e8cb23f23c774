"""What must be so before vantage6 4.15 is imported, in each of the bench's processes."""
import enum
import sys

from .. import state  # noqa: F401


def prepare():
    """Lets 4.15 run on Python 3.11 and on hosts that look like containers."""
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
