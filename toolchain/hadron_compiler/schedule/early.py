"""Which EXECUTE commands may begin before the last results of the one before are written."""

from collections.abc import Iterator, Sequence

from hadron_compiler.codegen.command import Command
from hadron_compiler.schedule.cycles import LATE, head_start
from hadron_model.steps import strides
from hadron_model.strips import Strip
from hadron_spec.commands import LEVELS, Opcode, Unit
from hadron_spec.config import NpuConfig

__all__ = ["begin_early"]


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
    written = list(_last_results(before, cycles))
    read = list(_first_steps(command, cycles, config.lanes))
    return any(
        step + age < cycles and ((target - source) % size < config.lanes
                                 or (source - target) % size < count)
        for age, target, count in written for step, source in read)


def _first_steps(command: Command, count: int, lanes: int) -> Iterator[tuple[int, int]]:
    """Yield the first steps: the cycle of each, at the earliest, and the address of `lanes` bytes
    it reads; or two addresses."""
    fields = command.fields
    counts = [fields[f"count_{level}"] for level in LEVELS]
    differences = [fields.get(f"{level}_address", 0) for level in LEVELS]
    plane = fields.get("plane_address", 0)
    further = [plane] if fields.get("deep") else [plane // lanes * lanes] if fields.get(
        "split") else []
    passes = [0] * len(LEVELS)
    address = fields.get("source", 0)
    for number in range(count):
        for offset in (0, *further):
            yield number, address + offset
        level = len(LEVELS) - 1
        while level >= 0 and passes[level] == counts[level] - 1:
            passes[level] = 0
            level -= 1
        if level < 0:
            return
        passes[level] += 1
        # The loops of the hardware come from low bytes to high ones before they go on.
        address += differences[level] + (plane if fields.get("deep") else 0)


def _last_results(command: Command, count: int) -> Iterator[tuple[int, int, int]]:
    """Yield the last results: how many cycles before the last one it is written, at the least,
    its address, and its bytes."""
    fields = command.fields
    counts = [fields[f"count_{level}"] for level in LEVELS[:3]]
    interval = fields["count_ky"] * fields["count_kx"] * fields["count_seg"]
    parts = 2 if fields.get("deep_results") or fields.get("shallow") else 1
    if command.opcode is Opcode.DEPTHWISE:
        strip = Strip({"stride_x": 0, "stride_y": 0, "odd": 0, **fields})
        # Of a row of pixels there is one output a cycle at the most.
        counts[2], parts = strip.output_rows, strip.output_pixels
        interval = parts
    steps = strides([fields.get(f"destination_{level}", 0) for level in (*LEVELS[:3], "px")],
                    [*counts, parts])
    total = counts[0] * counts[1] * counts[2]
    for back in range(min(total, count)):
        index = total - 1 - back
        index, ox = divmod(index, counts[2])
        kg, oy = divmod(index, counts[1])
        last = kg == counts[0] - 1
        address = (fields.get("destination", 0) + kg * steps[0] + oy * steps[1] + ox * steps[2])
        for part in range(parts):
            age = back * interval
            if command.opcode is Opcode.DEPTHWISE:
                age += parts - 1 - part
            yield age, address + part * steps[3], fields["last_outputs" if last else "outputs"]
