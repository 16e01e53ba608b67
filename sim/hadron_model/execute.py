"""EXECUTE commands on the bytes of the scratchpad.

A command reads the scratchpad as it was when the command started. Programs for which that differs
from what pipelined hardware reads are found by `hadron_model.hazards`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hadron_model.memories import Carried, LocalMemories
from hadron_model.operators.requantize import clamp
from hadron_model.planes import split_planes, split_shallow
from hadron_model.program import Command
from hadron_model.steps import StepGrid
from hadron_spec.commands import SHALLOW_ODD, Opcode
from hadron_spec.numerics import (
    ACC_BITS,
    NARROW_BITS,
    multiply_by_quantized_multiplier,
    multiply_rounding_once,
    softmax_output,
    softmax_reciprocal,
    softmax_sum_term,
)

__all__ = ["ExecuteOutcome", "execute"]

Values = NDArray[np.int64]

_CHUNK_BYTES = 1 << 21
"""Lane bytes gathered at a time: bounds the model's memory."""


@dataclass
class ExecuteOutcome:
    """What an EXECUTE command did, besides writing the scratchpad."""

    mac_steps: int = 0
    """Steps in which the array multiplied."""
    overflows: int = 0
    """Results whose accumulator does not fit 32 bits, or that are wide and shifted left.

    Accumulators wrap, and wide ones are not shifted left, as in hardware; the compiler proves that
    neither matters.
    """


def execute(memories: LocalMemories, command: Command, grid: StepGrid) -> ExecuteOutcome:
    """Run one command.

    Raises
    ------
    ValueError
        When the architecture does not define its result: SOFTMAX of other than one step a result.
    """
    outcome = ExecuteOutcome()
    match command.opcode:
        case Opcode.MATRIX:
            results = list(_matrix(memories, grid, outcome))
        case Opcode.MAX:
            results = [_maximum(memories, grid, group) for group in range(grid.groups)]
        case Opcode.LOOKUP:
            results = list(_lookup(memories, grid, outcome))
        case Opcode.DEPTHWISE:
            results = [_depthwise(memories, grid, group, outcome) for group in range(grid.groups)]
        case Opcode.SOFTMAX:
            results = [_softmax(memories, grid, group) for group in range(grid.groups)]
        case _:
            raise ValueError(f"{command.opcode.name} is not an EXECUTE command")
    for group, values in enumerate(results):
        # Of a byte that two results share, the later one stays, as with the writer: NumPy
        # promises that for flat indices in order.
        written = np.ascontiguousarray(values[..., :grid.outputs(group)])
        memories.scratchpad[grid.written(group).reshape(-1)] = written.view(np.uint8).reshape(-1)
    return outcome


def _chunks(grid: StepGrid) -> Iterator[slice]:
    size = max(1, _CHUNK_BYTES // (grid.inner * grid.config.lanes))
    for start in range(0, grid.results, size):
        yield slice(start, min(grid.results, start + size))


def _matrix(memories: LocalMemories, grid: StepGrid, outcome: ExecuteOutcome
            ) -> Iterator[NDArray[np.int8]]:
    lanes, columns = grid.config.lanes, grid.config.columns
    taps = grid.inner * lanes
    outcome.mac_steps = grid.groups * grid.results * grid.inner
    shifts = np.resize([0, 8] if grid.planes == 2 else [0], grid.inner)[:, None, None]
    # By how much weights are stored too large, by column.
    stored = np.resize([1, SHALLOW_ODD] if grid.parts == 2 else [1], columns)[:, None]
    matrices = [
        (memories.weights(grid.weight_steps(group)) // stored << shifts).transpose(
            0, 2, 1).reshape(taps, columns)
        for group in range(grid.groups)
    ]
    totals = np.empty((grid.groups, grid.results * grid.parts, columns), np.int64)
    for chunk in _chunks(grid):
        made = slice(chunk.start * grid.parts, chunk.stop * grid.parts)
        if grid.shares_reads:
            x = _factors(grid, grid.read(memories.scratchpad, grid.steps(0, chunk)))
            products = x.reshape(-1, taps) @ np.concatenate(matrices, 1)
            totals[:, made] = products.reshape(-1, grid.groups, columns).swapaxes(0, 1)
            continue
        for group, matrix in enumerate(matrices):
            x = _factors(grid, grid.read(memories.scratchpad, grid.steps(group, chunk)))
            totals[group, made] = x.reshape(-1, taps) @ matrix
    if grid.fields["continues"]:
        totals[0, 0] += memories.carried.sums
    yield from _scale(memories, grid, totals, outcome)


def _factors(grid: StepGrid, lanes: NDArray[np.int8]) -> Values:
    """Return what is multiplied: [result, step, lane], or with `shallow` [result, part, step,
    lane]."""
    return (split_shallow(lanes, axis=1) if grid.parts == 2 else lanes).astype(np.int64)


def _maximum(memories: LocalMemories, grid: StepGrid, group: int) -> NDArray[np.int8]:
    choose = np.min if grid.fields["least"] else np.max
    parts = [
        choose(grid.read(memories.scratchpad, grid.steps(group, chunk))[..., :grid.config.columns],
               axis=1)
        for chunk in _chunks(grid)
    ]
    return _clamp(grid, np.concatenate(parts).astype(np.int64))


def _lookup(memories: LocalMemories, grid: StepGrid, outcome: ExecuteOutcome
            ) -> Iterator[NDArray[np.int8]]:
    config = grid.config
    totals = np.zeros((grid.groups, grid.results, config.columns), np.int64)
    tables = grid.parameter_steps()[0] + 1 + config.table_steps * np.arange(grid.inner)
    for chunk in _chunks(grid):
        x = grid.read(memories.scratchpad, grid.steps(0, chunk)).astype(np.int64)
        for step, table in enumerate(tables):
            totals[0, chunk] += memories.look_up(int(table), x[:, step, :config.columns])
    yield from _scale(memories, grid, totals, outcome)


def _softmax(memories: LocalMemories, grid: StepGrid, group: int) -> NDArray[np.int8]:
    if grid.inner != 1:
        raise ValueError(f"SOFTMAX reads {grid.inner} steps an element, must be 1")
    steps = grid.steps(group, slice(None))
    x = grid.read(memories.scratchpad, steps)[:, 0, 0].astype(np.int64)
    rows = x.reshape(-1, grid.fields["count_ox"])
    exps = memories.table[rows - rows.max(1, keepdims=True) + 255]
    scale, bits = softmax_reciprocal(softmax_sum_term(exps).sum(1, keepdims=True))
    outputs = softmax_output(exps, scale, bits)
    return np.asarray(outputs).astype(np.int8).reshape(-1, 1)


def _wrap(accumulators: Values, used: int, outcome: ExecuteOutcome) -> Values:
    """Keep `ACC_BITS` bits; count those of the first `used` columns that do not fit."""
    half = 1 << (ACC_BITS - 1)
    wrapped: Values = ((accumulators + half) & ((1 << ACC_BITS) - 1)) - half
    outcome.overflows += int(np.count_nonzero((wrapped != accumulators)[:, :used]))
    return wrapped


def _depthwise(memories: LocalMemories, grid: StepGrid, group: int, outcome: ExecuteOutcome
               ) -> NDArray[np.int8]:
    strip = grid.strip
    assert strip is not None
    columns = grid.config.columns
    half = columns // 2
    pixels = grid.read(memories.scratchpad, grid.steps(group, slice(None)))[..., :columns]
    windows = strip.windows(
        pixels.astype(np.int64).reshape(-1, strip.rows, strip.pixels, columns))
    outcome.mac_steps += 2 * windows[..., 0, 0].size
    outputs = np.zeros((*windows.shape[:3], 2, columns), np.int8)
    for part, weights in enumerate(strip.kernels(memories.weights(grid.weight_steps(group)))):
        own = slice(part * half, (part + 1) * half)
        # Columns 2i and 2i + 1 are the two outputs of channel i.
        kernels = weights.reshape(half, 2, -1)
        totals = np.einsum("srpti,iot->srpio", windows[..., own], kernels)
        parameters = [values[0] for values in memories.parameters(
            grid.parameter_steps()[group:group + 1] + part)]
        used = 2 * min(max(grid.outputs(group) - own.start, 0), half)
        scaled = _scale_one(grid, totals.reshape(-1, columns), parameters, used, outcome)
        outputs[..., own] = scaled.reshape(totals.shape).swapaxes(-1, -2)
    if strip.singles:
        outputs = outputs[:, :, :, :1]
    flat = outputs.reshape(*outputs.shape[:2], -1, columns)[:, :, :strip.output_pixels]
    return np.ascontiguousarray(flat).reshape(-1, columns)


def _scale(memories: LocalMemories, grid: StepGrid, totals: Values, outcome: ExecuteOutcome
           ) -> Iterator[NDArray[np.int8]]:
    """Scale the sums of each kg to INT8; keep the last ones, and their parameters."""
    bias, multiplier, shift = memories.parameters(grid.parameter_steps())
    own = memories.carried.parameters
    for group in range(grid.groups):
        if group or not grid.fields["continues"]:
            own = bias[group], multiplier[group], shift[group]
        yield _scale_one(grid, totals[group], own, grid.outputs(group), outcome)
    memories.carried = Carried(totals[-1, -1], own)


def _scale_one(grid: StepGrid, totals: Values, parameters: Sequence[Values], used: int,
               outcome: ExecuteOutcome) -> NDArray[np.int8]:
    """Scale sums [result, column] to INT8; of the first `used` columns, count what overflows."""
    bias, multiplier, shift = parameters
    accumulators = _wrap(totals + bias, used, outcome)
    if (grid.fields["wide"] and grid.parts == 1) or grid.fields["deep_results"]:
        outcome.overflows += len(accumulators) * int(np.count_nonzero(shift[:used] > 0))
        shift = np.minimum(shift, 0)
        scale = multiply_rounding_once if grid.fields["once"] else multiply_by_quantized_multiplier
    else:
        limit = 1 << (NARROW_BITS - 1)
        accumulators = np.clip(accumulators, -limit, limit - 1)
        scale = multiply_by_quantized_multiplier
    return _clamp(grid, scale(accumulators, multiplier, shift) + grid.fields["zero_point"])


def _clamp(grid: StepGrid, values: Values) -> NDArray[np.int8]:
    """Return bytes [result, column], of deep results [result, low or high, column]."""
    if grid.fields["deep_results"]:
        low, high = grid.fields["minimum"] << 8, grid.fields["maximum"] << 8 | 255
        return split_planes(np.clip(values, low, high), axis=1)
    return clamp(values, grid.fields["minimum"], grid.fields["maximum"])
