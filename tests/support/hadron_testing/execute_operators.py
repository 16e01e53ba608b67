"""Operators as EXECUTE commands, laid out as the compiler lays them out: fields, weights, table."""

import math

import numpy as np

from hadron_model.strips import Strip
from hadron_spec.commands import (
    FIELDS,
    LEVELS,
    SHALLOW_ODD,
    SHALLOW_WEIGHT_MAX,
    Opcode,
    pack_parameters,
)
from hadron_spec.numerics import (
    AVERAGE_WEIGHT,
    average_multiplier,
    quantize_multiplier,
    softmax_table,
)
from hadron_testing.execute_reference import pack_weights

__all__ = [
    "DESTINATION", "SOURCE", "SOURCE_B", "addition", "average_pool", "command", "convolution",
    "depthwise", "depthwise_of_stride_two", "diagonal", "fully_connected", "function",
    "in_all_columns", "max_pool", "random_clamp", "random_parameters", "random_weights",
    "shallow_convolution", "softmax", "tall_depthwise", "tall_depthwise_of_stride_two",
]

SOURCE, SOURCE_B, DESTINATION = 0x0103, 0x2805, 0x4007
"""Scratchpad regions, at odd addresses; commands here stay within 10 KiB of each."""


def command(opcode, **values):
    fields = dict.fromkeys(FIELDS[opcode], 0) | {f"count_{level}": 1 for level in LEVELS}
    fields |= {"opcode": int(opcode), "minimum": -128, "maximum": 127,
               "source": SOURCE, "destination": DESTINATION}
    assert set(values) <= set(fields)
    return fields | values


def differences(counts, strides):
    """Turn the stride of each loop into the difference that also undoes the loops inside it."""
    result, undo = {}, 0
    for level in reversed(LEVELS):
        result[level] = strides.get(level, 0) - undo
        undo += (counts[level] - 1) * strides.get(level, 0)
    return result


def with_loops(fields, *, address, y=None, x=None, destination):
    """Fill in the loop fields from strides; `counts` are in `fields` already."""
    counts = {level: fields[f"count_{level}"] for level in LEVELS}
    for name, strides in (("address", address), ("y", y or {}), ("x", x or {})):
        for level, value in differences(counts, strides).items():
            fields[f"{level}_{name}"] = value
    inner = dict.fromkeys(LEVELS[3:], 1)
    for level, value in differences(counts | inner, destination).items():
        if level in LEVELS[:3]:
            fields[f"destination_{level}"] = value
    return fields


def groups_of(config, channels):
    """Return kg, outputs and last_outputs for a number of output channels."""
    groups = math.ceil(channels / config.columns)
    return {"count_kg": groups, "outputs": min(channels, config.columns),
            "last_outputs": channels - (groups - 1) * config.columns}


def random_parameters(rng, config, *, scale=1 / 600, bias=2000):
    """One parameter step."""
    data = b""
    for _ in range(config.columns):
        multiplier, shift = quantize_multiplier(float(scale * rng.uniform(0.5, 2)))
        parameters = pack_parameters(int(rng.integers(-bias, bias)), multiplier, shift)
        data += parameters.ljust(config.lanes, b"\0")
    return data


def random_weights(rng, config, *, shallow=False):
    """One weight step."""
    most = SHALLOW_WEIGHT_MAX if shallow else 127
    weights = rng.integers(-most, most + 1, (config.columns, config.lanes))
    if shallow:
        weights[1::2] *= SHALLOW_ODD
    return pack_weights(weights.tolist())


def random_clamp(rng):
    return {"minimum": int(rng.integers(-128, -60)), "maximum": int(rng.integers(60, 128)),
            "zero_point": int(rng.integers(-20, 20))}


def convolution(rng, config, *, size=(4, 5), channels=5, outputs=7, kernel=(3, 3), stride=1, pad=1,
                seed_weight_step=0, shallow=False, **scaling):
    """NHWC convolution: a kernel row is one run of bytes, read in segments of `lanes`."""
    (height, width), (kh, kw) = size, kernel
    out_h = (height + 2 * pad - kh) // stride + 1
    out_w = (width + 2 * pad - kw) // stride + 1
    segments = math.ceil(kw * channels / config.lanes)
    row = width * channels
    fields = command(
        Opcode.MATRIX, **groups_of(config, outputs), count_oy=out_h, count_ox=out_w, count_ky=kh,
        count_seg=segments, bounded=1, pad=int(rng.integers(-128, 128)), height=height,
        width_bytes=row, start_y=-pad, start_x=-pad * channels,
        source=SOURCE - pad * row - pad * channels, weight_step=seed_weight_step,
        **random_clamp(rng))
    with_loops(
        fields,
        address={"oy": stride * row, "ox": stride * channels, "ky": row, "seg": config.lanes},
        y={"oy": stride, "ky": 1}, x={"ox": stride * channels, "seg": config.lanes},
        destination={"kg": config.columns, "oy": out_w * outputs, "ox": outputs})
    weights = b"\0" * config.step_bytes * seed_weight_step
    for _ in range(fields["count_kg"]):
        weights += random_parameters(rng, config, **scaling)
        weights += b"".join(random_weights(rng, config, shallow=shallow)
                            for _ in range(kh * segments))
    return fields, weights, None


def shallow_convolution(rng, config, **shape):
    """A convolution of two images at once, whose activations of four bits share bytes."""
    fields, weights, table = convolution(rng, config, shallow=True, scale=1 / 4, bias=200,
                                         **shape)
    channels = (fields["count_kg"] - 1) * config.columns + fields["last_outputs"]
    # The second image lies behind the first.
    fields |= {"shallow": 1, "once": 1, "wide": int(rng.integers(2)),
               "destination_px": fields["count_oy"] * fields["count_ox"] * channels}
    # The loops outside undo the step to the second result.
    for level in ("kg", "oy", "ox"):
        fields[f"destination_{level}"] -= fields["destination_px"]
    return fields, weights, table


def diagonal(rng, config, *, size=(4, 3), blocks=2):
    """Blocks of `columns` channels, diagonal weights, the source steps with kg."""
    height, width = size
    channels = blocks * config.columns - 1
    row = width * channels
    fields = command(
        Opcode.MATRIX, **groups_of(config, channels), count_oy=height, count_ox=width, count_ky=3,
        count_kx=3, bounded=1, pad=7, height=height, width_bytes=row, start_y=-1,
        start_x=-channels, source=SOURCE - row - channels, **random_clamp(rng))
    with_loops(
        fields,
        address={"kg": config.columns, "oy": row, "ox": channels, "ky": row, "kx": channels},
        y={"oy": 1, "ky": 1},
        x={"kg": config.columns, "ox": channels, "kx": channels},
        destination={"kg": config.columns, "oy": row, "ox": channels})
    weights = b""
    for _ in range(blocks):
        weights += random_parameters(rng, config, scale=1 / 300)
        for _ in range(9):
            diagonal = np.zeros((config.columns, config.lanes), int)
            np.fill_diagonal(diagonal, rng.integers(-127, 128, config.columns))
            weights += pack_weights(diagonal.tolist())
    return fields, weights, None


def depthwise(rng, config, *, strips=2, rows=5, pixels=8, stride=(1, 1), odd=0, blocks=2,
              wide=0, tall=0):
    """Strips of rows of pixels, a block of channels at a time; the last block has one less."""
    block = config.columns // 2 if tall else config.columns
    channels = blocks * block - 1
    fields = command(
        Opcode.DEPTHWISE, count_kg=blocks, outputs=block, last_outputs=block - 1,
        count_oy=strips, count_ox=rows,
        count_kx=pixels, stride_y=stride[0] - 1, stride_x=stride[1] - 1, odd=odd,
        wide=wide, tall=tall, bounded=1,
        pad=int(rng.integers(-128, 128)), height=rows - 1,
        width_bytes=(strips * (pixels - 2) - 2) * channels, start_y=-1, start_x=-channels,
        weight_step=3, **random_clamp(rng))
    row = strips * (pixels - 2) * channels
    fields["source"] -= row + channels
    strip = Strip(fields)
    wide = strip.output_pixels * strips * channels
    advance = (pixels - 2) * channels
    with_loops(
        fields,
        address={"kg": block, "oy": advance, "ox": row, "kx": channels},
        y={"ox": 1}, x={"kg": block, "oy": advance, "kx": channels},
        destination={})
    counts = {"kg": blocks, "oy": strips, "ox": strip.output_rows, "px": strip.output_pixels}
    strides = {"kg": block, "oy": strip.output_pixels * channels, "ox": wide,
               "px": channels}
    undo = 0
    for level in reversed(counts):
        fields[f"destination_{level}"] = strides[level] - undo
        undo += (counts[level] - 1) * strides[level]
    weights = b"\x77" * 3 * config.step_bytes
    for _ in range(blocks):
        for _ in range(2 - tall):
            weights += random_parameters(rng, config, scale=1 / 300)
        for step in range(2):
            kernels = rng.integers(-127, 128, (config.columns, config.lanes))
            # Left of the strip there is nothing.
            if not tall:
                kernels[:, 0:15:5] *= stride[1] == 2
            elif step == 1:
                kernels[:, 10:15] *= stride[1] == 1
            weights += pack_weights(kernels.tolist())
    return fields, weights, None


def depthwise_of_stride_two(rng, config):
    return depthwise(rng, config, strips=1, rows=6, pixels=9, stride=(2, 2), odd=1, wide=1)


def tall_depthwise(rng, config):
    return depthwise(rng, config, rows=7, pixels=9, odd=1, tall=1)


def tall_depthwise_of_stride_two(rng, config):
    return depthwise(rng, config, strips=1, rows=8, pixels=11, stride=(2, 2), wide=1, tall=1)


def fully_connected(rng, config, *, inputs=70, outputs=11):
    segments = math.ceil(inputs / config.lanes)
    fields = command(
        Opcode.MATRIX, **groups_of(config, outputs), count_seg=segments, bounded=1, pad=0,
        height=1, width_bytes=inputs, **random_clamp(rng))
    with_loops(fields, address={"seg": config.lanes}, x={"seg": config.lanes},
               destination={"kg": config.columns})
    weights = b""
    for _ in range(fields["count_kg"]):
        weights += random_parameters(rng, config, scale=1 / 900)
        weights += b"".join(random_weights(rng, config) for _ in range(segments))
    return fields, weights, None


def long_sum(rng, config, *, commands, outputs=3, deep=False, wide=False):
    """Return the commands of one sum, each with its weights; the first and the last one have other
    results before and behind it."""
    made = []
    for i in range(commands):
        begins, ends = i == 0, i == commands - 1
        others = begins or ends
        fields = command(
            Opcode.MATRIX, count_kg=int(rng.integers(1, 2 + others)),
            count_ox=int(rng.integers(1, 2 + 2 * others)), count_ky=int(rng.integers(1, 3)),
            count_seg=int(rng.integers(1, 4)), outputs=config.columns,
            last_outputs=outputs if ends else 0, wide=int(wide), continues=int(not begins),
            **random_clamp(rng))
        with_loops(fields, address={"kg": 3, "ox": 5, "ky": 70, "seg": config.lanes},
                   destination={"kg": 2 * config.columns, "ox": config.columns})
        if deep:
            fields |= {"deep": 1, "deep_results": 1, "plane_address": 120,
                       "destination_px": 7 * config.columns}
            for level in ("kg", "ox", "ky", "seg"):
                fields[f"{level}_address"] -= 120
        weights = b""
        for group in range(fields["count_kg"]):
            if begins or group:
                weights += random_parameters(rng, config, scale=1 / 2000)
            weights += b"".join(random_weights(rng, config) for _ in range(
                fields["count_ky"] * fields["count_seg"]))
        made.append((fields, weights, None))
    return made


def average_pool(rng, config, *, size=(6, 4), pool=(3, 2), blocks=2):
    (height, width), (kh, kw) = size, pool
    channels = blocks * config.columns
    fields = command(
        Opcode.MATRIX, **groups_of(config, channels), count_oy=height // kh,
        count_ox=width // kw, count_ky=kh, count_kx=kw)
    row = width * channels
    with_loops(
        fields,
        address={"kg": config.columns, "oy": kh * row, "ox": kw * channels, "ky": row,
                 "kx": channels},
        destination={"kg": config.columns, "oy": width // kw * channels, "ox": channels})
    weights = AVERAGE_WEIGHT * np.eye(config.columns, config.lanes, dtype=int)
    reciprocal = pack_parameters(0, *average_multiplier(kh * kw))
    step = reciprocal.ljust(config.lanes, b"\0") * config.columns
    return fields, (step + pack_weights(weights.tolist()) * (kh * kw)) * blocks, None


def max_pool(rng, config, *, size=(3, 4), blocks=2, pool=3):
    height, width = size
    channels = blocks * config.columns
    row = width * channels
    fields = command(
        Opcode.MAX, **groups_of(config, channels), count_oy=height, count_ox=width, count_ky=pool,
        count_kx=pool, bounded=1, pad=-128, height=height, width_bytes=row, start_y=-1,
        start_x=-channels, source=SOURCE - row - channels, **random_clamp(rng))
    with_loops(
        fields,
        address={"kg": config.columns, "oy": row, "ox": channels, "ky": row, "kx": channels},
        y={"oy": 1, "ky": 1}, x={"kg": config.columns, "ox": channels, "kx": channels},
        destination={"kg": config.columns, "oy": row, "ox": channels})
    return fields, b"", None


def addition(rng, config, *, pixels=9):
    """A in one region, B in another: the innermost loop goes from one to the other."""
    fields = command(
        Opcode.LOOKUP, outputs=config.columns, last_outputs=config.columns - 1, count_ox=pixels,
        count_seg=2, wide=1, weight_step=1, **random_clamp(rng))
    with_loops(fields, address={"ox": config.columns, "seg": SOURCE_B - SOURCE},
               destination={"ox": config.columns})
    multiplier, shift = quantize_multiplier(float(2.0**-19 * rng.uniform(0.5, 2)))
    parameters = pack_parameters(int(rng.integers(-2000, 2000)), multiplier, shift)
    tables = rng.integers(-1 << 26, 1 << 26, 512).astype("<i4")
    # The step before is not this command's.
    return (fields, b"\x55" * config.lanes + parameters.ljust(config.lanes, b"\0")
            + tables.tobytes(), None)


def function(rng, config, *, pixels=9):
    """One table, whose entries come out as they are."""
    fields = command(Opcode.LOOKUP, outputs=config.columns, last_outputs=config.columns,
                     count_ox=pixels)
    with_loops(fields, address={"ox": config.columns}, destination={"ox": config.columns})
    table = rng.integers(-128, 128, 256).astype("<i4")
    return fields, pack_parameters(0, 1 << 30, 1).ljust(config.lanes, b"\0") + table.tobytes(), None


def in_all_columns(config, tables):
    """Lay out tables as the weight memory holds them."""
    steps = [tables[i:i + config.lanes] for i in range(0, len(tables), config.lanes)]
    return b"".join(step * config.columns for step in steps)


def softmax(rng, config, *, rows=3, elements=11):
    fields = command(Opcode.SOFTMAX, count_kg=rows, count_ox=elements, outputs=1,
                     last_outputs=1, zero_point=-128)
    with_loops(fields, address={"kg": elements, "ox": 1},
               destination={"kg": elements + 2, "ox": 1})
    return fields, b"", softmax_table(0.1)
