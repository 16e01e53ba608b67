"""Show progress on a terminal: bars with an estimate of the time left; lines where there is none.
"""

import threading
import time
from types import TracebackType

import rich.progress
from rich.console import Console

from hadron.progress import Progress

__all__ = ["ProgressBar"]

_TICK = 0.25
_NEARLY = 0.97
"""How full a bar gets by time alone."""


class ProgressBar:
    """A context manager that is called with each :class:`hadron.progress.Progress`.

    A stage of which only the usual duration is known moves by time. Output goes to stderr and is
    gone in the end. Without a terminal, each long stage prints a line when it begins.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.animated = self.console.is_terminal
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"), rich.progress.BarColumn(),
            rich.progress.TaskProgressColumn(), rich.progress.TimeElapsedColumn(),
            rich.progress.TextColumn("left"), rich.progress.TimeRemainingColumn(),
            console=self.console, transient=True, disable=not self.animated)
        self._task: rich.progress.TaskID | None = None
        self._stage = ""
        self._begin = 0.0
        self._seconds = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "ProgressBar":
        self._bars.start()
        if self.animated:
            self._clock.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._stopped.set()
        if self.animated:
            self._clock.join()
        self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        """Show where the work stands."""
        with self._lock:
            if progress.stage != self._stage:
                self._new_stage(progress)
            if self._task is not None and progress.total:
                self._seconds = 0.0  # what is known is better than the clock
                self._bars.update(self._task, completed=progress.done, total=progress.total)

    def _new_stage(self, progress: Progress) -> None:
        self._stage, self._seconds = progress.stage, progress.seconds
        self._begin = time.monotonic()
        if not self.animated:
            if progress.seconds:
                self.console.print(f"building the simulation, once: {progress.stage}, about "
                                   f"{progress.seconds:.0f} s", markup=False)
            return
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(progress.stage,
                                         total=progress.total or progress.seconds or None)

    def _tick(self) -> None:
        while not self._stopped.wait(_TICK):
            with self._lock:
                if self._task is not None and self._seconds:
                    passed = min(time.monotonic() - self._begin, _NEARLY * self._seconds)
                    self._bars.update(self._task, completed=passed)
