"""Tell whoever waits how far a long piece of work is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["OnProgress", "Progress", "counted", "ignore_progress"]

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Progress:
    """Where the work stands.

    Parameters
    ----------
    stage : str
        What is being done now.
    done, total : float
        How much of it; `total` is 0 while that is not known.
    seconds : float
        About how long the stage takes when nothing better is known; 0 when that is unknown, too.
    """

    stage: str
    done: float = 0.0
    total: float = 0.0
    seconds: float = 0.0


OnProgress = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """Tell nobody."""


def counted(items: Sequence[_Item], stage: str, on_progress: OnProgress) -> Iterator[_Item]:
    """Hand out items one by one, and tell how many are done."""
    for number, item in enumerate(items):
        on_progress(Progress(stage, number, len(items)))
        yield item
