"""The weight memory as a ring: constants take the steps after those brought in before them.

Nothing is freed by name: a LOAD that overwrites steps waits for the commands that read them, as any
two commands with overlapping bytes do.
"""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Space
from hadron_compiler.codegen.kernel import Constants, Part

__all__ = ["WeightRing"]


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
        self._present: dict[Constants, int] = {}
        self._keep = False

    def begin_stage(self, parts: Sequence[Part]) -> None:
        """Forget the constants of the last stage; keep those of this one if all fit at once."""
        wanted = {part.constants: part.constants.steps for part in parts
                  if part.constants is not None and part.constants.space is not Space.TABLE}
        total = sum(wanted.values())
        self._present.clear()
        self._keep = total <= self.steps
        if self._keep and self.head + total > self.steps:
            self.head = 0

    def find(self, constants: Constants) -> tuple[int, bool]:
        """Return the first step of `constants`, and whether they are there already."""
        if constants in self._present:
            return self._present[constants], True
        if not self._keep:
            self._present.clear()
        if self.head + constants.steps > self.steps:
            self.head = 0
        step = self.head
        self.head += constants.steps
        self._present[constants] = step
        return step, False
