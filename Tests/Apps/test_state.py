"""What a strategy remembers, put back into one that was made anew: equal, or not kept at all."""
import enum
import pathlib
import random
import sys
from collections import defaultdict

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "Sources/V6Flower/Resources"))

from v6_flower_worker.state import Memory, NotKept  # noqa: E402


class Phase(enum.Enum):
    WARM, HOT = 1, 2


class Inner:
    def __init__(self):
        self.count = 0


class Strategy:
    def __init__(self):
        self.phase, self.inner, self.history, self.seen = Phase.WARM, Inner(), [], {}
        self.rng, self.callback, self.counts, self.rate = random.Random(7), None, defaultdict(int), 0.1


def kept(change):
    """A strategy that was changed, and what a new one becomes of its memory."""
    import json

    survey = Memory()
    survey.members(vars(Strategy()), "S")
    strategy = Strategy()
    change(strategy)
    memory = Memory(places=survey.found)
    text = json.dumps(memory.members(vars(strategy), "S"))
    anew = Strategy()
    Memory(memory.arrays).put_back(json.loads(text), anew)
    return strategy, anew


def test_values_come_back_as_they_were():
    def change(strategy):
        strategy.rate, strategy.history = float("nan"), [(1, "a"), {"x": np.float32(0.5)}]
        strategy.seen = {frozenset({1, 2}): {frozenset({"a"})}}
        strategy.inner.count = 3
        strategy.counts["a"] += 1

    strategy, anew = kept(change)
    assert np.isnan(anew.rate) and anew.history == strategy.history and type(anew.history[1]["x"]) is np.float32
    assert anew.seen == strategy.seen and anew.inner.count == 3 and type(anew.counts) is defaultdict and anew.counts == {"a": 1}


def test_a_member_of_an_enumeration_is_that_member():
    strategy, anew = kept(lambda strategy: setattr(strategy, "phase", Phase.HOT))
    assert anew.phase is Phase.HOT and Phase.WARM.value == 1


def test_a_generator_goes_on_where_it_stood():
    strategy, anew = kept(lambda strategy: [strategy.rng.random() for _ in range(5)])
    assert anew.rng.random() == strategy.rng.random()


class Log(list):
    pass


@pytest.mark.parametrize("change", [
    lambda strategy: strategy.history.append(Inner()),
    lambda strategy: strategy.history.append(Phase.HOT),
    lambda strategy: strategy.seen.update({Phase.HOT: 1}),
    lambda strategy: setattr(strategy, "history", Log([1])),
    lambda strategy: setattr(strategy, "callback", print),
    lambda strategy: setattr(strategy, "rng", np.random.default_rng(1)),
])
def test_what_a_new_strategy_could_not_be_given_is_not_kept(change):
    with pytest.raises(NotKept):
        kept(change)
