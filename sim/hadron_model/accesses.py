"""Which bytes an EXECUTE command depends on, and which it writes: input of the hazard check.

Hardware reads all lanes of a step, but a lane that every used column multiplies by zero changes
nothing: only lanes that can change a written byte count.
"""

import numpy as np
from numpy.typing import NDArray

from hadron_model.hazards import Access
from hadron_model.memories import LocalMemories
from hadron_model.program import Command
from hadron_model.steps import StepGrid
from hadron_spec.commands import HEADER_BYTES, LocalSpace, Opcode

__all__ = ["execute_accesses"]

_CHUNK_STEPS = 1 << 16


def execute_accesses(memories: LocalMemories, command: Command, grid: StepGrid
                     ) -> tuple[list[Access], int | None]:
    """Return the accesses of a command, and a byte that it reads after having written it.

    Must be called before the command is executed: which weights are zero matters.
    """
    size = memories.config.act_bytes
    # When (in steps) each byte is read last and written first.
    last_read = np.full(size, -1, np.int64)
    first_written = np.full(size, np.iinfo(np.int64).max, np.int64)
    group_steps = grid.results * grid.inner
    for group in range(grid.groups):
        used = _used_lanes(memories, command, grid, group)
        chunk = max(1, _CHUNK_STEPS // grid.inner)
        for start in range(0, grid.results, chunk):
            results = slice(start, min(grid.results, start + chunk))
            steps = grid.steps(group, results)
            mask = grid.lanes_inside(steps) & (used[results] if grid.strip else used)
            times = (group * group_steps + start * grid.inner
                     + np.arange(steps.address.size)).reshape(steps.address.shape)
            np.maximum.at(last_read, grid.lane_addresses(steps)[mask],
                          np.broadcast_to(times[..., None], mask.shape)[mask])
        written = grid.written(group)
        ends = group * group_steps + _result_ends(grid, len(written))
        np.minimum.at(first_written, written, ends[:, None])
    overlap = np.flatnonzero(last_read > first_written)
    accesses = [
        Access(LocalSpace.ACTIVATIONS, False, np.flatnonzero(last_read >= 0)),
        Access(LocalSpace.ACTIVATIONS, True,
               np.flatnonzero(first_written != np.iinfo(np.int64).max)),
        *_weight_accesses(memories, command, grid),
    ]
    if command.opcode == Opcode.SOFTMAX:
        table = slice(0, memories.config.space_bytes(LocalSpace.TABLE))
        accesses.append(Access(LocalSpace.TABLE, False, table))
    return accesses, int(overlap[0]) if overlap.size else None


def _used_lanes(memories: LocalMemories, command: Command, grid: StepGrid, group: int
                ) -> NDArray[np.bool_]:
    """Return which lanes of which steps of a result matter: [step, lane].

    With DEPTHWISE the rows of pixels differ: [row, pixel, lane].
    """
    outputs = grid.outputs(group)
    if grid.strip is not None:
        kernels = grid.strip.kernels(memories.weights(grid.weight_steps(group)))
        taps = (kernels.reshape(-1, 2, kernels.shape[-1]) != 0).any(0)
        pixels = np.tile(grid.strip.used(taps), (grid.results // grid.strip.rows, 1))
        return pixels[..., None] & (np.arange(grid.config.lanes) < outputs)
    if command.opcode == Opcode.MATRIX:
        weights = memories.weights(grid.weight_steps(group))[:, :_columns(command, grid, group)]
        used: NDArray[np.bool_] = (weights != 0).any(1)
        return used
    return np.broadcast_to(np.arange(grid.config.lanes) < outputs,
                           (grid.inner, grid.config.lanes))


def _columns(command: Command, grid: StepGrid, group: int) -> int | None:
    """Return how many columns matter, None for all: those of DEPTHWISE are outputs of half of the
    channels, and sums of which nothing is written are gone on with."""
    if grid.strip or (command.opcode == Opcode.MATRIX and not grid.outputs(group)):
        return None
    return grid.outputs(group)


def _result_ends(grid: StepGrid, count: int) -> NDArray[np.int64]:
    """Return the step with which each result of a kg ends, counted from the kg's first."""
    strip = grid.strip
    if strip is not None:
        first = np.arange(grid.results // strip.rows) * strip.rows
        rows = (first[:, None] + strip.last_rows).reshape(-1, 1) * strip.pixels
        pixels = np.repeat(strip.last_pixels, 1 if strip.singles else 2)[:strip.output_pixels]
        return (rows + pixels).reshape(-1)
    results = np.arange(1, count + 1) if count == grid.results else np.arange(2, count + 2) // 2
    return results * grid.inner - 1


def _weight_accesses(memories: LocalMemories, command: Command, grid: StepGrid) -> list[Access]:
    """Return the bytes of the weight memory that are used: parameters, weights or tables."""
    if command.opcode in (Opcode.MAX, Opcode.SOFTMAX):
        return []
    config = memories.config
    columns = config.lanes * np.arange(config.columns)
    parts = []
    for group in range(grid.groups):
        used = columns[:_columns(command, grid, group), None]
        step = grid.parameter_steps()[group]
        count = 0 if command.fields["continues"] and not group else 1
        if grid.strip:
            count = grid.strip.parameter_steps
        for own in step + np.arange(count):
            parts.append(own % config.weight_steps * config.step_bytes
                         + (used + np.arange(HEADER_BYTES)).reshape(-1))
        steps = grid.weight_steps(group)
        if command.opcode == Opcode.LOOKUP:
            steps = steps[0] + np.arange(config.table_steps * grid.inner)
        steps = steps % config.weight_steps * config.step_bytes
        lanes = (used + np.arange(config.lanes)).reshape(-1)
        parts.append((steps[:, None] + lanes).reshape(-1))
    return [Access(LocalSpace.WEIGHTS, False, np.concatenate(parts))]
