"""The six loops of an EXECUTE command: which bytes each step reads, where each result goes.

The differences that the command adds when a loop advances undo the inner loops, so every address
is a sum of one multiple a loop: :func:`strides` finds the factors and NumPy broadcasts the sums.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hadron_model.strips import Strip
from hadron_spec.commands import DEEP_OFFSET, LEVELS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["StepGrid", "Steps", "strides"]

Grid = NDArray[np.int64]


class Steps(NamedTuple):
    """Steps by result and step in the result: [result, step]."""

    address: Grid
    y: Grid
    x: Grid


def strides(differences: Sequence[int], counts: Sequence[int]) -> list[int]:
    """Return by how much each loop moves when it advances and the loops inside start over.

    Parameters
    ----------
    differences : sequence of int
        What is added when a loop is the outermost that advances, outermost loop first.
    counts : sequence of int
        Passes of each loop.
    """
    result = []
    for level, own in enumerate(differences):
        stride, passes = own, 1
        for inner in range(level + 1, len(counts)):
            stride += differences[inner] * (counts[inner] - 1) * passes
            passes *= counts[inner]
        result.append(stride)
    return result


def _spread(factors: Sequence[int], counts: Sequence[int]) -> Grid:
    """Return the sum of index * factor for every combination of indices, in loop order."""
    total = np.zeros(1, np.int64)
    for factor, count in zip(factors, counts, strict=True):
        total = (total[:, None] + factor * np.arange(count)).reshape(-1)
    return total


def _signed16(values: Grid) -> Grid:
    return ((values + (1 << 15)) & 0xFFFF) - (1 << 15)


class StepGrid:
    """The steps and results of one EXECUTE command.

    Attributes
    ----------
    groups : int
        Passes of loop kg.
    results : int
        Results of one kg, row by row.
    inner : int
        Steps of one result.
    planes : int
        2 with `deep`: low and high bytes, the innermost loop.
    parts : int
        2 with `shallow`: results of a result's steps.
    strip : Strip or None
        With DEPTHWISE, of which a result here is a row of pixels.
    """

    def __init__(self, config: NpuConfig, opcode: Opcode, fields: Mapping[str, int]):
        self.config = config
        self.fields = fields
        counts = [fields[f"count_{level}"] for level in LEVELS]
        self.groups, self.results = counts[0], counts[1] * counts[2]
        self.planes = 2 if fields["deep"] else 1
        self.parts = 2 if fields["shallow"] else 1
        counts.append(self.planes)
        self.inner = counts[3] * counts[4] * counts[5] * self.planes
        self._outer: dict[str, Grid] = {}
        self._inner: dict[str, Grid] = {}
        self._group: dict[str, int] = {}
        for axis in Steps._fields:
            plane = fields["plane_address"] if axis == "address" else 0
            moves = strides([*(fields[f"{level}_{axis}"] for level in LEVELS), plane], counts)
            self._group[axis] = moves[0]
            self._outer[axis] = _spread(moves[1:3], counts[1:3])
            self._inner[axis] = _spread(moves[3:], counts[3:])
        # Which lanes of which steps of a result read the next row: [step, lane].
        self._split = fields["split"] % config.lanes
        first = np.array([self._split, *(self.inner - 1) * [fields["split_later"] % config.lanes]])
        self._in_next_row = (np.arange(config.lanes) >= first[:, None]) & bool(self._split)
        self._softmax = opcode == Opcode.SOFTMAX
        self.strip = Strip(fields) if opcode == Opcode.DEPTHWISE else None
        written = counts[:3]
        levels = [*LEVELS[:3]]
        if self.strip:
            written[2:] = [self.strip.output_rows, self.strip.output_pixels]
            levels.append("px")
        elif fields["deep_results"] or fields["shallow"]:
            written.append(2)
            levels.append("px")
        moves = strides([fields[f"destination_{level}"] for level in levels], written)
        self._written_group = moves[0]
        self._written = _spread(moves[1:], written[1:])

    @property
    def shares_reads(self) -> bool:
        """Whether every kg reads the same bytes."""
        return not any(self._group.values())

    def steps(self, group: int, results: slice) -> Steps:
        """Return the steps of some results of one kg."""
        fields = self.fields
        start = {"address": fields["source"], "y": fields["start_y"], "x": fields["start_x"]}
        values = {
            axis: (start[axis] + group * self._group[axis] + self._outer[axis][results, None]
                   + self._inner[axis])
            for axis in Steps._fields
        }
        return Steps(values["address"] % self.config.act_bytes, _signed16(values["y"]),
                     _signed16(values["x"]))

    def lane_addresses(self, steps: Steps) -> Grid:
        """Return the scratchpad byte of each lane: [result, step, lane]."""
        lanes: Grid = steps.address[..., None] + np.arange(self.config.lanes)
        further = self.fields["plane_address"] // self.config.lanes * self.config.lanes
        return (lanes + further * self._in_next_row) % self.config.act_bytes

    def lanes_inside(self, steps: Steps) -> NDArray[np.bool_]:
        """Return which lanes are read, not padded: [result, step, lane]."""
        fields = self.fields
        bytes_in_row = steps.x[..., None] + np.arange(self.config.lanes)
        if not fields["bounded"]:
            return np.ones(bytes_in_row.shape, np.bool_)
        y = steps.y[..., None] + self._in_next_row
        bytes_in_row -= self._split * self._in_next_row
        inside: NDArray[np.bool_] = ((y >= 0) & (y < fields["height"]) & (bytes_in_row >= 0)
                                     & (bytes_in_row < fields["width_bytes"]))
        return inside

    def read(self, scratchpad: NDArray[np.uint8], steps: Steps) -> NDArray[np.int8]:
        """Return the lanes of steps, padding included: [result, step, lane]."""
        lanes: NDArray[Any] = scratchpad.view(np.int8)[self.lane_addresses(steps)]
        if self.fields["bounded"]:
            pad = np.full(self.inner, self.fields["pad"], np.int8)
            if self.planes == 2:
                pad[0::2] ^= np.int8(-DEEP_OFFSET)
            lanes = np.where(self.lanes_inside(steps), lanes, pad[:, None])
        return lanes

    def outputs(self, group: int) -> int:
        """Return how many bytes of a result are written in this kg."""
        if self._softmax:
            return 1
        return self.fields["last_outputs" if group == self.groups - 1 else "outputs"]

    def written(self, group: int) -> Grid:
        """Return the scratchpad bytes that the results of one kg go to: [result, byte]."""
        first = self.fields["destination"] + group * self._written_group + self._written
        addresses: Grid = first[:, None] + np.arange(self.outputs(group))
        return addresses % self.config.act_bytes

    def parameter_steps(self) -> Grid:
        """Return the weight-memory step of the parameters of each kg; of DEPTHWISE, which may have
        two, the first. With `continues`, the first kg has none, and the step before its weights
        here."""
        size = (self.strip.parameter_steps + 2 if self.strip else
                2 if self.fields["uniform"] else 1 + self.inner // self.planes)
        first = self.fields["weight_step"] - self.fields["continues"]
        steps: Grid = first + np.arange(self.groups) * size
        return steps

    def weight_steps(self, group: int) -> Grid:
        """Return the weight-memory step of each step of a result of one kg; of DEPTHWISE, those of
        the two halves of the channels, or of tall windows."""
        first = self.parameter_steps()[group]
        within = np.arange(self.inner) // self.planes * (not self.fields["uniform"])
        steps: Grid = (first + self.strip.parameter_steps + np.arange(2) if self.strip
                       else first + 1 + within)
        return steps
