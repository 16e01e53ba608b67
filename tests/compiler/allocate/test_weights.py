"""Weights that all fit stay; of those that do not, some do, if they are used again."""

from collections.abc import Sequence

from hadron_compiler.allocate.weights import WeightRing, held_constants
from hadron_compiler.codegen.command import Command, Space
from hadron_compiler.codegen.kernel import Constants, Part, Piece

STEPS = 512


class _Some(Part):
    """A part of so many weight steps that makes no commands."""

    def __init__(self, steps: int) -> None:
        self.constants = Constants(Space.WEIGHTS, b"", steps)

    def commands(self, piece: Piece) -> list[Command]:
        return []


def _loads(ring: WeightRing, parts: Sequence[Part]) -> list[int]:
    """Use all parts once; return the sizes of those that had to be loaded, none of which may have
    been put over another one that the ring still calls present."""
    loaded = []
    for part in parts:
        assert part.constants is not None
        step, present = ring.find(part.constants)
        assert 0 <= step <= STEPS - part.constants.steps
        if not present:
            loaded.append(part.constants.steps)
    return loaded


def test_what_fits_is_loaded_once() -> None:
    parts = [_Some(200), _Some(100), _Some(200)]
    ring = WeightRing(STEPS)
    ring.begin_stage(parts, repeated=True)
    assert _loads(ring, parts) == [200, 100, 200]
    assert _loads(ring, parts) == []


def test_of_what_does_not_fit_some_stays_and_the_others_take_turns() -> None:
    parts = [_Some(42), _Some(111), _Some(42), _Some(24), _Some(111), _Some(120), _Some(128)]
    held = held_constants(parts, STEPS)
    total = sum(some.steps for some in held)
    others = [part.constants.steps for part in parts if part.constants not in held]
    assert 0 < total < STEPS
    assert total + max(others) <= STEPS
    ring = WeightRing(STEPS)
    ring.begin_stage(parts, repeated=True)
    assert len(_loads(ring, parts)) == len(parts)
    assert _loads(ring, parts) == others


def test_steps_that_are_held_are_nobody_elses() -> None:
    parts = [_Some(60) for _ in range(12)]
    held = held_constants(parts, STEPS)
    ring = WeightRing(STEPS)
    ring.begin_stage(parts, repeated=True)
    places = [ring.find(part.constants)[0] for part in (*parts, *parts)]
    mine = {step for part, first in zip(parts, places, strict=False) if part.constants in held
            for step in range(first, first + 60)}
    assert len(mine) == 60 * len(held)
    assert all(mine.isdisjoint(range(first, first + 60))
               for part, first in zip((*parts, *parts), places, strict=True)
               if part.constants not in held)


def test_what_is_used_once_is_not_held() -> None:
    parts = [_Some(200), _Some(200), _Some(200)]
    ring = WeightRing(STEPS)
    ring.begin_stage(parts)
    assert _loads(ring, parts) == [200, 200, 200]
    assert _loads(ring, parts) == [200, 200, 200]
