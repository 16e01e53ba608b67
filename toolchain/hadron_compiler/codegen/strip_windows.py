"""How DEPTHWISE forms windows: of which channels, from which pixels, in which lanes."""

from dataclasses import dataclass

from hadron_compiler.ir.graph import Window
from hadron_spec.commands import (
    STRIP_PIXELS,
    TALL_COLUMNS,
    TALL_ROWS,
    TALL_TAPS,
    WINDOW_COLUMNS,
    WINDOW_ROWS,
)
from hadron_spec.config import NpuConfig

__all__ = ["COMMAND_CYCLES", "StripWindows", "windows_of"]

COMMAND_CYCLES = 60
"""About what a command takes beside its pixels; only to choose the width of strips, and which
blocks share a command."""


@dataclass(frozen=True)
class StripWindows:
    """Windows of 3 x 3 pixels, or 5 x 5 with `tall`.

    `parts` of a block's channels have parameters of their own, and `steps` of weights.
    """

    tall: bool

    @property
    def rows(self) -> int:
        """Rows of a window: the most rows, and columns, of a kernel."""
        return TALL_ROWS if self.tall else WINDOW_ROWS

    @property
    def parts(self) -> int:
        """Parts of a block's channels."""
        return 1 if self.tall else 2

    @property
    def steps(self) -> int:
        """Weight steps of a part, beside its parameters."""
        return 2 if self.tall else 1

    @property
    def block_steps(self) -> int:
        """Weight steps of a block of channels: parameters and weights of each part."""
        return self.parts * (1 + self.steps)

    def channels(self, config: NpuConfig) -> int:
        """Return the channels of a block: two columns are two outputs of one."""
        return config.columns // 2 * self.parts

    def outputs(self, stride: int) -> range:
        """Return which outputs of a window's channel the two columns make."""
        return range(1 if self.tall and stride == 2 else 2)

    def place(self, row: int, column: int, output: int, stride: int) -> tuple[int, int]:
        """Return step and lane of a tap of the kernel."""
        if self.tall:
            tap = (row, column + (output if stride == 1 else 1))
            return next((step, taps.index(tap)) for step, taps in enumerate(TALL_TAPS)
                        if tap in taps)
        # The hardware's window begins a column earlier than a stride of one needs.
        return 0, row * WINDOW_COLUMNS + column + (1 + output if stride == 1 else 2 * output)

    def pixels(self, outputs: int, stride: int) -> int:
        """Return the pixels of a row of a strip that make this many outputs."""
        even = outputs + outputs % 2
        if self.tall:
            return max(TALL_COLUMNS, even + 4 if stride == 1 else 2 * outputs + 3)
        return max(WINDOW_COLUMNS, even + 2 if stride == 1 else 2 * even + 1)

    def rows_of(self, outputs: int, stride: int) -> int:
        """Return the rows of a strip that make this many rows of outputs."""
        return (outputs - 1) * stride + self.rows

    def strips(self, width: int, rows: int, stride: int) -> list[tuple[int, int]]:
        """Cut a row of outputs into (strips, outputs of each): one or two runs, the fastest."""
        best: list[tuple[int, int]] = []
        least = float("inf")
        for outputs in range(1, min(width, STRIP_PIXELS) + 1):
            if self.pixels(outputs, stride) > STRIP_PIXELS:
                break
            runs = [(width // outputs, outputs)]
            if width % outputs:
                runs.append((1, width % outputs))
            cycles = sum(count * rows * self.pixels(size, stride) + COMMAND_CYCLES
                         for count, size in runs)
            if cycles < least:
                best, least = runs, cycles
        return best


def windows_of(window: Window) -> StripWindows | None:
    """Return how the hardware forms windows like this, None if it does not."""
    if not (window.stride_y in (1, 2) and window.stride_x in (1, 2)
            and (window.dilation_y >= 1 or window.kernel_y == 1)
            and (window.dilation_x >= 1 or window.kernel_x == 1)):
        return None
    for windows in (StripWindows(tall=False), StripWindows(tall=True)):
        if max(window.span_y, window.span_x) <= windows.rows:
            return windows
    return None
