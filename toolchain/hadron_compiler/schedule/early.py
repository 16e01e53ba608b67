"""Which EXECUTE commands may begin before the last results of the one before are written."""

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.command import Command
from hadron_compiler.schedule.cycles import LATE, head_start
from hadron_model.steps import strides
from hadron_model.strips import Strip
from hadron_spec.commands import LEVELS, Opcode, Unit
from hadron_spec.config import NpuConfig

__all__ = ["begin_early"]

Integers = npt.NDArray[np.int64]


def begin_early(commands: Sequence[Command], config: NpuConfig) -> None:
    """Set `early` of every EXECUTE command from the one before it.

    It is set where the command would begin earlier, and none of the steps it makes until the last
    write of the one before reads what that has yet to write. What other units wrote or read is
    ordered by tokens, for which a command waits before it begins; what the one before has still to
    read, it has read when the first result of the next comes.
    """
    before = None
    for command in commands:
        if command.unit is not Unit.EXECUTE:
            continue
        command.early = False
        if before is not None:
            cycles = head_start(before, command, config)
            command.early = cycles > LATE and not _reads_too_soon(
                before, command, cycles - LATE, config)
        before = command


def _reads_too_soon(before: Command, command: Command, cycles: int, config: NpuConfig) -> bool:
    """Tell whether `command` reads what `before` has not written yet.

    It begins `cycles` before one would that waits for the last write, and sees that.
    """
    size = config.act_bytes
    ages, targets, counts = _last_results(before, cycles)
    steps, sources = _first_steps(command, cycles, config.lanes)
    behind = (targets - sources) % size
    overlap = (behind < config.lanes) | (-behind % size < counts)
    return bool((overlap & (steps + ages < cycles)).any())


def _first_steps(command: Command, count: int, lanes: int) -> tuple[Integers, Integers]:
    """Return the cycles of the first `count` steps, at the earliest, and the addresses of `lanes`
    bytes that each reads, one or two: [1, step], [address, 1, step]."""
    fields = command.fields
    deep, plane = bool(fields.get("deep")), fields.get("plane_address", 0)
    further = ([plane] if deep else [plane // lanes * lanes] if fields.get("split") else [])
    # The loops of the hardware come from low bytes to high ones before they go on.
    moves = strides([*(fields.get(f"{level}_address", 0) for level in LEVELS), plane],
                    [*_counts(fields, LEVELS), 1 + deep])
    numbers, passes = _passes(_counts(fields, LEVELS), count)
    address = fields.get("source", 0) + np.array(moves[:-1]) @ passes
    return numbers[None], address + np.array([0, *further])[:, None, None]


def _last_results(command: Command, count: int) -> tuple[Integers, Integers, Integers]:
    """Return of the last `count` results how many cycles before the last one each is written, at
    the least, its address, and its bytes: [result, 1]."""
    fields = command.fields
    counts = _counts(fields, LEVELS[:3])
    interval = fields["count_ky"] * fields["count_kx"] * fields["count_seg"]
    parts = 2 if fields.get("deep_results") or fields.get("shallow") else 1
    between = 0
    if command.opcode is Opcode.DEPTHWISE:
        strip = Strip(fields)
        # Of a row of pixels there is one output a cycle at the most.
        counts[2], parts, between = strip.output_rows, strip.output_pixels, 1
        interval = parts
    moves = strides([fields.get(f"destination_{level}", 0) for level in (*LEVELS[:3], "px")],
                    [*counts, parts])
    # From the last one back, as from the first one on.
    numbers, passes = _passes(counts, count)
    passes = np.array(counts)[:, None] - 1 - passes
    part = np.arange(parts)[:, None]
    ages = numbers * interval + (parts - 1 - part) * between
    addresses = fields.get("destination", 0) + np.array(moves[:3]) @ passes + part * moves[3]
    sizes = np.where(passes[0] == counts[0] - 1, fields["last_outputs"], fields["outputs"])
    return (ages.reshape(-1, 1), addresses.reshape(-1, 1),
            np.broadcast_to(sizes, ages.shape).reshape(-1, 1))


def _counts(fields: Mapping[str, int], levels: Sequence[str]) -> list[int]:
    return [fields[f"count_{level}"] for level in levels]


def _passes(counts: Sequence[int], most: int) -> tuple[Integers, Integers]:
    """Return the first numbers that loops count, at most so many, and each loop's passes:
    [number], [loop, number]."""
    numbers = np.arange(min(prod(counts), most))
    return numbers, np.array(np.unravel_index(numbers, [min(count, most) for count in counts]))
