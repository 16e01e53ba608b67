"""The weight memory as a ring: constants take the steps after those brought in before them.

Nothing is freed by name: a LOAD that overwrites steps waits for the commands that read them, as any
two commands with overlapping bytes do. Of constants that are used again and again but do not all
fit, some keep steps of their own, and the others share what is left.
"""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Space
from hadron_compiler.codegen.kernel import Constants, Part

__all__ = ["WeightRing", "held_constants"]

AHEAD = 2
"""Of the largest constants that take turns, so many fit beside one another: those that are used,
and those that are loaded meanwhile."""


def held_constants(parts: Sequence[Part], steps: int) -> tuple[Constants, ...]:
    """Return the constants of a stage that stay on chip from one of its tiles or bands to the next:
    all if they fit, else the largest that leave room for the others to take turns."""
    wanted = list(dict.fromkeys(
        part.constants for part in parts
        if part.constants is not None and part.constants.space is not Space.TABLE))
    if sum(some.steps for some in wanted) <= steps:
        return tuple(wanted)
    by_size = sorted(wanted, key=lambda some: -some.steps)
    held: set[Constants] = set()
    total = 0
    largest = 0
    for some, after in zip(by_size, [*by_size[1:], None], strict=True):
        turns = max(largest, 0 if after is None else after.steps)
        if total + some.steps + AHEAD * turns <= steps:
            held.add(some)
            total += some.steps
        else:
            largest = max(largest, some.steps)
    return tuple(some for some in wanted if some in held)


class WeightRing:
    """Gives out weight steps.

    Parameters
    ----------
    steps : int
        Size of the weight memory.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.head = 0
        self._first = 0
        self._present: dict[Constants, int] = {}
        self._held: dict[Constants, int] = {}
        self._keep = False

    def begin_stage(self, parts: Sequence[Part], repeated: bool = False) -> None:
        """Forget the constants of the last stage; keep those of this one if all fit at once, some
        of them if it is `repeated`."""
        held = held_constants(parts, self.steps)
        total = sum(some.steps for some in held)
        self._present.clear()
        self._held.clear()
        self._first = 0
        self._keep = len(held) == len({part.constants for part in parts
                                       if part.constants is not None
                                       and part.constants.space is not Space.TABLE})
        if self._keep and self.head + total > self.steps:
            self.head = 0
        if not self._keep and repeated:
            for some in held:
                self._held[some] = self._first
                self._first += some.steps
            self.head = max(self.head, self._first)

    def find(self, constants: Constants) -> tuple[int, bool]:
        """Return the first step of `constants`, and whether they are there already."""
        if constants in self._present:
            return self._present[constants], True
        if constants in self._held:
            step = self._present[constants] = self._held[constants]
            return step, False
        if not self._keep:
            for other in [some for some in self._present if some not in self._held]:
                del self._present[other]
        if self.head + constants.steps > self.steps:
            self.head = self._first
        step = self.head
        self.head += constants.steps
        self._present[constants] = step
        return step, False
