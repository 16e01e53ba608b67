"""A direct reading of docs/architecture.md: what an EXECUTE command does, one step at a time.

Slow and plain on purpose: Python integers, no vectors, nothing shared with the golden model.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from hadron_spec.commands import LEVELS, Opcode, unpack_parameters
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import (
    NARROW_BITS,
    multiply_by_quantized_multiplier,
    softmax_output,
    softmax_reciprocal,
    softmax_sum_term,
)

__all__ = ["Kept", "ReferenceStep", "destinations", "pack_weights", "read_lanes", "run_command",
           "walk"]


@dataclass(frozen=True)
class ReferenceStep:
    """One step as the loop nest issues it."""

    parameters: bool
    first: bool
    last: bool
    address: int
    y: int
    x: int
    weight_step: int
    low: bool = False
    high: bool = False


@dataclass
class Kept:
    """What the array keeps of a command for one that `continues`."""

    sums: list[int] = field(default_factory=list)
    parameters: list[tuple[int, int, int]] = field(default_factory=list)


def walk(fields: dict[str, int], table_steps: int = 1) -> Iterator[ReferenceStep]:
    """Yield the steps of a command in order; LOOKUP passes over `table_steps` weight steps each."""
    passed = table_steps if fields["opcode"] == Opcode.LOOKUP else 1
    windows = fields["opcode"] == Opcode.DEPTHWISE
    uniform = bool(fields.get("uniform"))
    parameter_steps = int(fields["opcode"] in (Opcode.MATRIX, Opcode.LOOKUP))
    if windows:
        parameter_steps = 2 - fields["tall"]
    counts = [fields[f"count_{level}"] for level in LEVELS]
    passes = [0] * len(LEVELS)
    address, y, x = fields["source"], fields["start_y"], fields["start_x"]
    step = base = fields["weight_step"]
    new_group = not fields.get("continues")
    begins = True
    while True:
        if new_group:
            for _ in range(parameter_steps):
                yield ReferenceStep(True, False, False, address, y, x, step)
                step += 1
            base = step
        first = not any(passes[3:]) and not (begins and fields.get("continues"))
        last = all(passes[i] == counts[i] - 1 for i in range(3, len(LEVELS)))
        if fields.get("deep"):
            yield ReferenceStep(False, first, False, address, y, x, step, low=True)
            address += fields["plane_address"]
            yield ReferenceStep(False, False, last, address, y, x, step, high=True)
        else:
            yield ReferenceStep(False, first, last, address, y, x, step)
        begins = begins and not last
        step += 0 if windows or uniform else passed
        level = len(LEVELS) - 1
        while level >= 0 and passes[level] == counts[level] - 1:
            passes[level] = 0
            level -= 1
        if level < 0:
            return
        passes[level] += 1
        address += fields[f"{LEVELS[level]}_address"]
        y += fields[f"{LEVELS[level]}_y"]
        x += fields[f"{LEVELS[level]}_x"]
        new_group = level == 0
        if (windows or uniform) and new_group:
            step += 2 if windows else 1
        if level in (1, 2):
            step = base


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def read_lanes(config: NpuConfig, fields: dict[str, int], scratchpad: bytes | bytearray,
               step: ReferenceStep) -> list[int]:
    """Read the lanes of a step, padding included."""
    lanes = []
    split = fields["split"] % config.lanes
    from_lane = split if step.first else fields["split_later"] % config.lanes
    for lane in range(config.lanes):
        address, y, x = step.address + lane, step.y, step.x + lane
        if split and lane >= from_lane:
            further = fields["plane_address"] // config.lanes * config.lanes
            address, y, x = address + further, y + 1, x - split
        inside = 0 <= y < fields["height"] and 0 <= x < fields["width_bytes"]
        if fields["bounded"] and not inside:
            lanes.append(_signed((fields["pad"] ^ 0x80) & 0xFF) if step.low else fields["pad"])
        else:
            lanes.append(_signed(scratchpad[address % config.act_bytes]))
    return lanes


def _weights(config: NpuConfig, memory: bytes, step: int) -> list[list[int]]:
    """Return the weights of a step, [column][lane], unpacked."""
    size = config.step_bytes
    data = memory[step % config.weight_steps * size:][:size]
    stored = [[_signed(b) for b in data[c * config.lanes:][:config.lanes]]
              for c in range(config.columns)]
    for column in range(1, config.columns, 2):
        even = stored[column - 1]
        stored[column] = [b + (w0 < 0) for b, w0 in zip(stored[column], even, strict=True)]
    return stored


def _parameters(config: NpuConfig, memory: bytes, step: int) -> list[tuple[int, int, int]]:
    size = config.step_bytes
    data = memory[step % config.weight_steps * size:][:size]
    return [unpack_parameters(data[c * config.lanes:]) for c in range(config.columns)]


def _first_of_byte(byte: int) -> int:
    return byte % 16 - 8


def _second_of_byte(byte: int) -> int:
    return byte // 16


def _result(config: NpuConfig, fields: dict[str, int], steps: list[tuple[list[int], int, int]],
            weights: bytes, kept: Kept) -> list[int]:
    low, high = fields["minimum"], fields["maximum"]
    opcode = fields["opcode"]
    columns = range(config.columns)
    if opcode == Opcode.MAX:
        choose = min if fields["least"] else max
        values = [choose(lanes[c] for lanes, *_ in steps) for c in columns]
        return [min(max(value, low), high) for value in values]
    sums = kept.sums
    for lanes, step, factor in steps:
        if opcode == Opcode.LOOKUP:
            for c in columns:
                sums[c] += _entry(config, weights, step, c, lanes[c])
            continue
        for c, row in enumerate(_weights(config, weights, step)):
            if fields.get("shallow") and c % 2:
                row = [w // 16 for w in row]
            sums[c] += factor * sum(x * w for x, w in zip(lanes, row, strict=True))
    return [_scaled(fields, total, own) for total, own in zip(sums, kept.parameters, strict=True)]


def _entry(config: NpuConfig, memory: bytes, table: int, column: int, x: int) -> int:
    """Return the entry of an activation in the table that begins at a step."""
    step, word = divmod(x + 128, config.lanes // 4)
    offset = ((table + step) % config.weight_steps * config.step_bytes + column * config.lanes
              + 4 * word)
    return int.from_bytes(memory[offset:offset + 4], "little", signed=True)


def pack_weights(columns: list[list[int]]) -> bytes:
    """Lay out the weights of a step, [column][lane], as the weight memory holds them."""
    stored = []
    for column, row in enumerate(columns):
        if column % 2:
            row = [w1 - (w0 < 0) for w1, w0 in zip(row, columns[column - 1], strict=True)]
        stored += row
    return bytes(byte & 0xFF for byte in stored)


def _depthwise(config: NpuConfig, fields: dict[str, int], scratchpad: bytes | bytearray,
               weights: bytes) -> list[list[int]]:
    """Keep the pixels of a strip, and multiply where a window ends, as a person would."""
    half = config.columns // 2
    stride_x, stride_y = 1 + fields["stride_x"], 1 + fields["stride_y"]
    tall = fields["tall"]
    rows, width = fields["count_ox"], fields["count_kx"]
    outputs, strip, parameters = [], [], []
    for step in walk(fields):
        if step.parameters:
            parameters = [*parameters[-1:], _parameters(config, weights, step.weight_step)]
            continue
        strip.append(read_lanes(config, fields, scratchpad, step))
        if len(strip) < rows * width:
            continue
        if tall:
            outputs += _tall_outputs(
                config, fields, strip, parameters[-1],
                [_weights(config, weights, step.weight_step + part) for part in range(2)])
            strip = []
            continue
        for bottom in range(2, rows, stride_y):
            row = []
            for right in range(2 + stride_x, width, 2 * stride_x):
                pair = [[0] * config.columns, [0] * config.columns]
                for channel in range(config.columns):
                    part, i = divmod(channel, half)
                    kernels = _weights(config, weights, step.weight_step + part)
                    for pixel in range(2):
                        total = sum(
                            kernels[2 * i + pixel][5 * dy + dx]
                            * strip[(bottom - 2 + dy) * width + right - 4 + dx][channel]
                            for dy in range(3) for dx in range(5) if right - 4 + dx >= 0)
                        pair[pixel][channel] = _scaled(
                            fields, total, parameters[part][2 * i + pixel])
                row += pair
            outputs += row[:-1] if fields["odd"] else row
        strip = []
    return outputs


def _tall_outputs(config: NpuConfig, fields: dict[str, int], strip: list[list[int]],
                  parameters: list[tuple[int, int, int]], weights: list[list[list[int]]]
                  ) -> list[list[int]]:
    """Return the outputs of a strip of tall windows; those of channels that it has not are zero."""
    rows, width = fields["count_ox"], fields["count_kx"]
    two = fields["stride_x"]

    def weight(column: int, dy: int, dx: int) -> int:
        """The lower three rows come first; the left column of all rows last."""
        if dx == 0:
            return weights[1][column][10 + dy]
        return weights[int(dy < 2)][column][5 * (dy if dy < 2 else dy - 2) + dx - 1]

    outputs = []
    for bottom in range(4, rows, 1 + fields["stride_y"]):
        row = []
        for right in range(4 if two else 5, width, 2):
            for pixel in range(1 if two else 2):
                values = [0] * config.columns
                for channel in range(config.columns // 2):
                    column = 2 * channel + pixel
                    total = sum(
                        weight(column, dy, dx)
                        * strip[(bottom - 4 + dy) * width + right - 5 + dx][channel]
                        for dy in range(5) for dx in range(6) if right - 5 + dx >= 0)
                    values[channel] = _scaled(fields, total, parameters[column])
                row.append(values)
        outputs += row[:-1] if fields["odd"] and not two else row
    return outputs


def _scaled(fields: dict[str, int], total: int, parameters: tuple[int, int, int]) -> int:
    """Scale a sum, which saturates to 18 bits unless wide, and clamp it."""
    bias, multiplier, shift = parameters
    accumulator = total + bias
    deep = fields.get("deep_results", 0)
    wide = deep or (fields["wide"] and not fields.get("shallow"))
    if wide:
        shift = min(shift, 0)
    else:
        limit = 1 << NARROW_BITS - 1
        accumulator = min(max(accumulator, -limit), limit - 1)
    if fields.get("once") and wide:
        value = math.floor(Fraction(accumulator * multiplier, 1 << 31 - shift) + Fraction(1, 2))
    else:
        value = multiply_by_quantized_multiplier(accumulator, multiplier, shift)
    value += fields["zero_point"]
    if deep:
        return min(max(value, fields["minimum"] * 256), fields["maximum"] * 256 + 255)
    return min(max(value, fields["minimum"]), fields["maximum"])


def _softmax(config: NpuConfig, fields: dict[str, int], scratchpad: bytes | bytearray,
             table: list[int]) -> list[list[int]]:
    elements = [read_lanes(config, fields, scratchpad, step)[0] for step in walk(fields)]
    count = fields["count_ox"]
    outputs = []
    for first in range(0, len(elements), count):
        row = elements[first:first + count]
        exps = [table[x - max(row) + 255] for x in row]
        scale, bits = softmax_reciprocal(sum(softmax_sum_term(exp) for exp in exps))
        outputs += [[softmax_output(exp, scale, bits)] for exp in exps]
    return outputs


def run_command(config: NpuConfig, fields: dict[str, int], scratchpad: bytes | bytearray,
                weights: bytes, table: list[int] | None = None,
                kept: Kept | None = None) -> list[tuple[int, bytes]]:
    """Return what a command writes, as (address, bytes) in order.

    The scratchpad is read as it is before the command. `kept` is what the command before it has
    left, and then what this one leaves.
    """
    results = []
    steps: list[tuple[list[int], int]] = []
    kept = kept or Kept()
    if fields["opcode"] == Opcode.SOFTMAX:
        results = _softmax(config, fields, scratchpad, table or [])
    if fields["opcode"] == Opcode.DEPTHWISE:
        results = _depthwise(config, fields, scratchpad, weights)
    for step in walk(fields, config.table_steps) if not results else ():
        if step.parameters:
            kept.parameters = _parameters(config, weights, step.weight_step)
            continue
        if step.first:
            steps, kept.sums = [], [0] * config.columns
        steps.append((read_lanes(config, fields, scratchpad, step), step.weight_step,
                      256 if step.high else 1))
        if step.last:
            result = _result(config, fields, steps, weights, kept)
            if fields.get("deep_results"):
                results += [[value & 255 ^ 0x80 for value in result],
                            [value >> 8 for value in result]]
            elif fields.get("shallow"):
                results += [
                    _result(config, fields, [([pick(x) for x in lanes], *rest)
                                             for lanes, *rest in steps], weights,
                            Kept([0] * config.columns, kept.parameters))
                    for pick in (_first_of_byte, _second_of_byte)]
            else:
                results.append(result)
    return [
        (address, bytes(value & 0xFF for value in result[:count]))
        for result, (address, count) in zip(results, destinations(fields), strict=True)
    ]


def destinations(fields: dict[str, int]) -> Iterator[tuple[int, int]]:
    """Yield address and byte count of each result of a command; SOFTMAX: of each element."""
    softmax = fields["opcode"] == Opcode.SOFTMAX
    address = fields["destination"]
    counts = {level: fields[f"count_{level}"] for level in LEVELS[:3]} | {"px": 1}
    if fields["opcode"] == Opcode.DEPTHWISE:
        tall = fields["tall"]
        counts["ox"] = len(range(4 if tall else 2, counts["ox"], 1 + fields["stride_y"]))
        stride_x = 1 + fields["stride_x"]
        if tall and fields["stride_x"]:
            counts["px"] = len(range(4, fields["count_kx"], 2))
        else:
            pairs = len(range(5, fields["count_kx"], 2) if tall
                        else range(2 + stride_x, fields["count_kx"], 2 * stride_x))
            counts["px"] = 2 * pairs - fields["odd"]
    elif fields.get("deep_results") or fields.get("shallow"):
        counts["px"] = 2
    for passes in product(*(range(count) for count in counts.values())):
        last_kg = passes[0] == counts["kg"] - 1
        yield address, 1 if softmax else fields["last_outputs" if last_kg else "outputs"]
        for level, number in zip(reversed(counts), reversed(passes), strict=True):
            if number < counts[level] - 1:
                address += fields[f"destination_{level}"]
                break
