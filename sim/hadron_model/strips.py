"""DEPTHWISE: which pixels of a strip make which outputs.

Mirrors `hadron_rtl.control.window_sequencer` and `hadron_rtl.array.window_former`.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hadron_spec.commands import WINDOW_COLUMNS, WINDOW_ROWS

__all__ = ["Strip"]


class Strip:
    """The outputs of one strip of a command.

    Attributes
    ----------
    rows, pixels : int
        Rows of pixels that are read, and pixels of a row.
    pairs : int
        Pairs of outputs of a row.
    output_rows, output_pixels : int
        Outputs that are written.
    last_rows, last_pixels : ndarray
        Row of pixels that completes each row of outputs; pixel of a row that completes each pair.
    """

    def __init__(self, fields: Mapping[str, int]):
        self.rows, self.pixels = fields["count_ox"], fields["count_kx"]
        two_x, two_y = fields["stride_x"], fields["stride_y"]
        self.pairs = (self.pixels - 1) // 4 if two_x else (self.pixels - 2) // 2
        self.output_rows = (self.rows - 1) // 2 if two_y else self.rows - 2
        self.output_pixels = 2 * self.pairs - fields["odd"]
        self.last_rows = WINDOW_ROWS - 1 + (1 + two_y) * np.arange(self.output_rows)
        self.last_pixels = (4 + 4 * np.arange(self.pairs) if two_x
                            else 3 + 2 * np.arange(self.pairs))

    def windows(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the windows of pixels [strip, row, pixel, channel].

        The result is [strip, output row, pair, tap, channel], the taps row by row. What is left of
        the first pixel, and not defined, comes out as zero.
        """
        padded = np.concatenate([np.zeros_like(x[:, :, :1]), x], 2)
        rows = self.last_rows[:, None] + np.arange(WINDOW_ROWS) - (WINDOW_ROWS - 1)
        columns = 1 + self.last_pixels[:, None] + np.arange(WINDOW_COLUMNS) - (WINDOW_COLUMNS - 1)
        taken = padded[:, rows][:, :, :, columns]
        strips, output_rows, _, pairs, _, channels = taken.shape
        return taken.swapaxes(2, 3).reshape(strips, output_rows, pairs, -1, channels)

    def used(self, taps: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which pixels matter, [row, pixel], if these taps of each output of a pair do.

        `taps` is [output of the pair, tap].
        """
        used = np.zeros((self.rows, self.pixels + 1), np.bool_)
        for output, tap in np.argwhere(taps):
            row, column = divmod(int(tap), WINDOW_COLUMNS)
            pairs = self.last_pixels[: (self.output_pixels + 1 - output) // 2]
            used[np.ix_(self.last_rows + row - (WINDOW_ROWS - 1),
                        1 + pairs + column - (WINDOW_COLUMNS - 1))] = True
        return used[:, 1:]
