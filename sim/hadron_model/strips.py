"""DEPTHWISE: which pixels of a strip make which outputs.

Mirrors `hadron_rtl.control.window_sequencer` and `hadron_rtl.array.window_former`.
"""

from collections.abc import Mapping
from functools import cached_property
from itertools import chain, product

import numpy as np
from numpy.typing import NDArray

from hadron_spec.commands import TALL_COLUMNS, TALL_ROWS, TALL_TAPS, WINDOW_COLUMNS, WINDOW_ROWS

__all__ = ["Strip"]


class Strip:
    """The outputs of one strip of a command.

    Attributes
    ----------
    rows, pixels : int
        Rows of pixels that are read, and pixels of a row.
    tall : bool
        Windows are tall.
    pairs : int
        Results of a row: pairs of outputs, or of tall windows with a stride of two single ones.
    singles : bool
        They are single ones.
    output_rows, output_pixels : int
        Outputs that are written.
    last_rows, last_pixels : ndarray
        Row of pixels that completes each row of outputs; pixel of a row that completes each pair.
    parameter_steps : int
        Parameter steps of a block of channels; two steps of weights follow.
    taps : ndarray
        Row and column of each tap of a window: [tap, 2].
    """

    def __init__(self, fields: Mapping[str, int]):
        self.rows, self.pixels = fields["count_ox"], fields["count_kx"]
        self.tall = bool(fields.get("tall"))
        two_x, two_y = fields["stride_x"], fields["stride_y"]
        self.singles = bool(self.tall and two_x)
        self._size = (TALL_ROWS, TALL_COLUMNS) if self.tall else (WINDOW_ROWS, WINDOW_COLUMNS)
        # The first window ends at pixel `first`, the next ones `apart` pixels further each.
        first, apart = ((4 if two_x else 5), 2) if self.tall else (4, 4) if two_x else (3, 2)
        last, step = self._size[0] - 1, 1 + two_y
        self._ends = (range(last, self.rows, step), range(first, self.pixels, apart))
        self.output_rows, self.pairs = map(len, self._ends)
        self.output_pixels = self.pairs if self.singles else 2 * self.pairs - fields["odd"]
        self.parameter_steps = 1 if self.tall else 2

    @cached_property
    def last_rows(self) -> NDArray[np.int64]:
        """See there."""
        return np.array(self._ends[0], np.int64)

    @cached_property
    def last_pixels(self) -> NDArray[np.int64]:
        """See there."""
        return np.array(self._ends[1], np.int64)

    @cached_property
    def taps(self) -> NDArray[np.int64]:
        """See there."""
        return np.array(list(chain(*TALL_TAPS) if self.tall else product(*map(range, self._size))))

    @cached_property
    def _offsets(self) -> NDArray[np.int64]:
        """The taps, counted from the row and the pixel that complete a window."""
        offsets: NDArray[np.int64] = self.taps - np.array(self._size) + 1
        return offsets

    def windows(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the windows of pixels [strip, row, pixel, channel].

        The result is [strip, output row, pair, tap, channel]. What is left of the first pixel, and
        not defined, comes out as zero.
        """
        padded = np.concatenate([np.zeros_like(x[:, :, :1]), x], 2)
        rows = self.last_rows[:, None, None] + self._offsets[:, 0]
        columns = 1 + self.last_pixels[:, None] + self._offsets[:, 1]
        return padded[:, rows, columns]

    def kernels(self, weights: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the weights of the taps of two steps [step, column, lane].

        The result is [part of the channels, column, tap]: of tall windows there is one part, whose
        taps take both steps.
        """
        steps, columns, _ = weights.shape
        if not self.tall:
            return weights[..., :len(self.taps)]
        return weights[..., :len(self.taps) // steps].swapaxes(0, 1).reshape(1, columns, -1)

    def used(self, taps: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which pixels matter, [row, pixel], if these taps of each output of a pair do.

        `taps` is [output of the pair, tap].
        """
        used = np.zeros((self.rows, self.pixels + 1), np.bool_)
        for output, tap in np.argwhere(taps):
            row, column = self._offsets[tap]
            count = (self.output_pixels * (1 - output) if self.singles
                     else (self.output_pixels + 1 - output) // 2)
            used[np.ix_(self.last_rows + row, 1 + self.last_pixels[:count] + column)] = True
        return used[:, 1:]
