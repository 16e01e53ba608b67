"""What the scheduler knows of an operator: its geometry and the parts it may run in.

A *kernel* is one operator in terms of the hardware. It is cut into *parts*: a range of output
channels with the weights (or the table) that must be on chip while the part runs. A part issues
commands for any region of its output, given views of the bytes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hadron_compiler.codegen.command import Command, Space
from hadron_compiler.codegen.geometry import Geometry, Pitches, Region, View
from hadron_compiler.codegen.packing import NibbleGroups, Weights, pack_groups, pack_nibbles
from hadron_compiler.codegen.precision import Precision
from hadron_compiler.ir.graph import Tensor
from hadron_spec.config import NpuConfig

__all__ = ["UNSCALED", "Constants", "Kernel", "Part", "Piece", "WrappedPart", "diagonal_steps",
           "shared_constants", "weight_constants"]


@dataclass(eq=False, frozen=True)
class Constants:
    """Bytes that a LOAD brings on chip before a part runs: weight steps, or tables.

    `tail` are weight steps behind the image that tensors in memory hold: of each, from which byte
    on how many. `nibbles`: the image is one of `pack_nibbles`.
    """

    space: Space
    image: bytes
    steps: int
    tail: tuple[tuple[Tensor, int, int], ...] = ()
    nibbles: NibbleGroups | None = None


def weight_constants(config: NpuConfig, image: bytes, groups: NibbleGroups,
                     precision: Precision) -> Constants:
    """Return an image of `pack_groups` in the precision of its operator."""
    steps = len(image) // config.step_bytes
    if precision is Precision.W4A8:
        return Constants(Space.WEIGHTS, pack_nibbles(config, image, groups), steps, nibbles=groups)
    return Constants(Space.WEIGHTS, image, steps)


UNSCALED = (1 << 30, 1)
"""Multiplier and shift that leave a sum as it is."""


def shared_constants(config: NpuConfig, weights: Weights, bias: int, multiplier: int,
                     shift: int) -> Constants:
    """Return a parameter step, alike for all columns, and weights (columns, steps, lanes)."""
    values = [np.full((1, config.columns), value) for value in (bias, multiplier, shift)]
    return Constants(Space.WEIGHTS, pack_groups(config, weights[None], *values),
                     1 + weights.shape[1])


def diagonal_steps(config: NpuConfig, weights: Weights) -> Weights:
    """Return a step for each weight, (columns, steps, lanes): that of every column for its own
    lane."""
    own = np.arange(config.columns)
    steps = np.zeros((config.columns, weights.size, config.lanes), np.int8)
    steps[own, :, own] = weights
    return steps


@dataclass(frozen=True)
class Piece:
    """What a part is asked to compute now, and where everything lies."""

    layer: int
    region: Region
    sources: tuple[View, ...]
    destination: View
    weight_step: int
    scratch: int = 0


class Part(ABC):
    """Some output channels of a kernel, with what must be on chip for them."""

    channels: tuple[int, int]
    """Output channels, half-open."""
    source_channels: tuple[int, int]
    """Input channels read for them, half-open."""
    constants: Constants | None
    finishes = True
    """Whether its sums are complete. The parts behind one that does not finish them go on with
    them, up to one that does; all are then asked for one pixel at a time."""

    def works_on(self, region: Region) -> bool:
        """Tell whether the part has a share in a region."""
        return True

    @abstractmethod
    def commands(self, piece: Piece) -> list[Command]:
        """Return the EXECUTE commands that compute the piece, whose region it works on."""


class WrappedPart(Part):
    """A part that has another one do its work, on other views."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.channels = part.channels
        self.source_channels = part.source_channels
        self.constants = part.constants
        self.finishes = part.finishes

    def works_on(self, region: Region) -> bool:
        """See `Part.works_on`."""
        return self.part.works_on(region)


class Kernel(ABC):
    """One operator, ready to be cut, tiled and turned into commands."""

    geometry: Geometry
    macs: int
    precision = Precision.W8A8
    rows_wanted = 1
    """Rows of a tile to ask for where all do not fit."""
    reads_gaps = False
    """Whether pixels and rows of what it reads may lie apart."""
    writes_gaps = False
    """Whether those of what it writes may."""
    turns = False
    """Whether it makes rows of columns: tiles then have some of both."""
    reads_alike = False
    """Whether they must be equally far apart in all that it reads."""
    placed: tuple[Pitches, ...] = ()
    """Where its operands lie in the tensors that own their bytes: what it reads, then what it
    writes; set by lowering."""
    gap = 0
    """Bytes between the rows of what it reads in the scratchpad, which there are not in memory."""

    @property
    def on_chip(self) -> tuple[Pitches, ...]:
        """`placed` in the scratchpad."""
        if not self.gap:
            return self.placed
        source, *others = self.placed
        return (source.apart(self.gap, self.geometry.source[0]), *others)

    def sample(self, region: Region) -> Piece:
        """Return a piece whose tensors all lie at address 0: what its commands cost is known."""
        *placed, written = self.on_chip
        return Piece(0, region, tuple(pitches.view(0, self.geometry.source) for pitches in placed),
                     written.view(0, self.geometry.destination), 0)

    def scratch(self, rows: int, columns: int) -> int:
        """Return the bytes of scratchpad that a piece of so many rows and columns needs beside its
        operands; they begin at `Piece.scratch`."""
        return 0

    @abstractmethod
    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """Cut the kernel into parts of at most `max_steps` weight steps and, where given, at most
        `max_channels` output channels.

        Raises
        ------
        CapacityError
            When a single group of channels needs more steps or channels than that.
        """
