"""Random, legal models of one operator that moves bytes."""

from collections.abc import Callable, Sequence

import numpy as np

from hadron_testing.draws import activations, choose, draw_scale, draw_zero_point
from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["MOVEMENT", "draw_shape"]

Made = tuple[ModelBuilder, list[Tensor], dict[str, object]]
"""A builder whose last operator has these outputs and was made with these attributes."""


def draw_shape(rng: np.random.Generator, ranks: Sequence[int], size_max: int = 9,
               channels_max: int = 40) -> tuple[int, ...]:
    """Draw a shape; the last axis is the longest now and then."""
    rank = int(choose(rng, ranks))
    shape = rng.integers(1, max(3, size_max - 2 * max(0, rank - 4)), rank)
    shape[-1] = rng.integers(1, channels_max + 1)
    if rank >= 4 and rng.random() < 0.8:
        shape[0] = 1
    return tuple(int(n) for n in shape)


def _start(rng: np.random.Generator, shape: Sequence[int]) -> tuple[ModelBuilder, Tensor]:
    builder = ModelBuilder()
    return builder, builder.input(shape, draw_scale(rng), draw_zero_point(rng))


def _like(builder: ModelBuilder, x: Tensor, shape: Sequence[int]) -> Tensor:
    return builder.tensor(shape, x.scale, x.zero_point)


def _integers(builder: ModelBuilder, values: object) -> Tensor:
    return builder.constant(np.asarray(values, np.int32))


def _slice(rng: np.random.Generator) -> Made:
    builder, x = _start(rng, draw_shape(rng, (1, 2, 3, 4, 5)))
    begin = [int(rng.integers(n)) for n in x.shape]
    size = [int(rng.integers(1, n - first + 1)) for n, first in zip(x.shape, begin, strict=True)]
    y = _like(builder, x, size)
    given = [-1 if first + count == n and rng.random() < 0.5 else count
             for first, count, n in zip(begin, size, x.shape, strict=True)]
    builder.operator("SLICE", [x, _integers(builder, begin), _integers(builder, given)], [y])
    return builder, [y], {"begin": begin, "size": given}


def _strided_slice(rng: np.random.Generator) -> Made:
    while True:
        shape = draw_shape(rng, (1, 2, 3, 4))
        strides = [int(choose(rng, (1, 1, 1, 2, 3, -1, -2))) for _ in shape]
        begin = [int(rng.integers(-n, n)) for n in shape]
        end = [int(rng.integers(-n, n + 1)) for n in shape]
        masks = {name: int(rng.integers(1 << len(shape))) for name in ("begin_mask", "end_mask")}
        masks["shrink_axis_mask"] = int(rng.integers(1 << len(shape)) if rng.random() < 0.4 else 0)
        if masks["shrink_axis_mask"] == (1 << len(shape)) - 1:
            continue
        index: list[int | slice] = []
        for axis in range(len(shape)):
            if masks["shrink_axis_mask"] >> axis & 1:
                strides[axis], end[axis] = 1, begin[axis] + 1
                index.append(begin[axis])
                continue
            index.append(slice(None if masks["begin_mask"] >> axis & 1 else begin[axis],
                               None if masks["end_mask"] >> axis & 1 else end[axis],
                               strides[axis]))
        chosen = np.empty(shape)[tuple(index)].shape
        if 0 not in chosen:
            break
    builder, x = _start(rng, shape)
    y = _like(builder, x, chosen)
    builder.operator("STRIDED_SLICE", [x, *(_integers(builder, values)
                                            for values in (begin, end, strides))], [y],
                     "StridedSlice", beginMask=masks["begin_mask"], endMask=masks["end_mask"],
                     shrinkAxisMask=masks["shrink_axis_mask"])
    return builder, [y], {"begin": begin, "end": end, "strides": strides, **masks}


def _split(rng: np.random.Generator) -> Made:
    shape = list(draw_shape(rng, (1, 2, 3, 4), channels_max=20))
    axis, count = int(rng.integers(len(shape))), int(rng.integers(1, 5))
    part = shape[axis]
    shape[axis] *= count
    builder, x = _start(rng, shape)
    shape[axis] = part
    outputs = [_like(builder, x, shape) for _ in range(count)]
    given = axis - len(shape) if rng.random() < 0.5 else axis
    builder.operator("SPLIT", [_integers(builder, given), x], outputs, "Split", numSplits=count)
    return builder, outputs, {"sizes": [part] * count, "axis": axis}


def _split_v(rng: np.random.Generator) -> Made:
    shape = list(draw_shape(rng, (1, 2, 3, 4)))
    axis = int(rng.integers(len(shape)))
    sizes = [int(n) for n in rng.integers(1, 20, int(rng.integers(1, 5)))]
    shape[axis] = sum(sizes)
    builder, x = _start(rng, shape)
    outputs = []
    for size in sizes:
        shape[axis] = size
        outputs.append(_like(builder, x, shape))
    builder.operator("SPLIT_V", [x, _integers(builder, sizes), _integers(builder, axis)], outputs,
                     "SplitV", numSplits=len(sizes))
    return builder, outputs, {"sizes": sizes, "axis": axis}


def _pack(rng: np.random.Generator) -> Made:
    shape = draw_shape(rng, (1, 2, 3))
    axis = int(rng.integers(len(shape) + 1))
    builder, x = _start(rng, shape)
    parts = [x]
    for _ in range(int(rng.integers(4))):
        kind = rng.random()
        if kind < 0.2:
            parts.append(parts[-1])
        elif kind < 0.4:
            parts.append(builder.constant(activations(rng, shape), x.scale, x.zero_point))
        else:
            parts.append(builder.input(shape, x.scale, x.zero_point))
    y = _like(builder, x, (*shape[:axis], len(parts), *shape[axis:]))
    builder.operator("PACK", parts, [y], "Pack", valuesCount=len(parts), axis=axis)
    return builder, [y], {"axis": axis}


def _unpack(rng: np.random.Generator) -> Made:
    builder, x = _start(rng, draw_shape(rng, (2, 3, 4), channels_max=8))
    axis = int(rng.integers(len(x.shape)))
    shape = [*x.shape[:axis], *x.shape[axis + 1:]]
    outputs = [_like(builder, x, shape) for _ in range(x.shape[axis])]
    builder.operator("UNPACK", [x], outputs, "Unpack", num=len(outputs), axis=axis)
    return builder, outputs, {"axis": axis}


def _transpose(rng: np.random.Generator) -> Made:
    builder, x = _start(rng, draw_shape(rng, (2, 3, 4, 4, 5), channels_max=24))
    order = [int(axis) for axis in rng.permutation(len(x.shape))]
    y = _like(builder, x, [x.shape[axis] for axis in order])
    builder.operator("TRANSPOSE", [x, _integers(builder, order)], [y], "Transpose")
    return builder, [y], {"order": order}


def _depth_to_space(rng: np.random.Generator) -> Made:
    block = int(rng.integers(1, 5))
    images, height, width, channels = draw_shape(rng, (4,), 7, 12)
    builder, x = _start(rng, (images, height, width, channels * block**2))
    y = _like(builder, x, (images, height * block, width * block, channels))
    builder.operator("DEPTH_TO_SPACE", [x], [y], "DepthToSpace", blockSize=block)
    return builder, [y], {"block": block}


def _space_to_depth(rng: np.random.Generator) -> Made:
    block = int(rng.integers(1, 5))
    images, height, width, channels = draw_shape(rng, (4,), 7, 12)
    builder, x = _start(rng, (images, height * block, width * block, channels))
    y = _like(builder, x, (images, height, width, channels * block**2))
    builder.operator("SPACE_TO_DEPTH", [x], [y], "SpaceToDepth", blockSize=block)
    return builder, [y], {"block": block}


def _space_to_batch_nd(rng: np.random.Generator) -> Made:
    """Without padding: TensorFlow Lite Micro fills it with a number it never sets."""
    images, rows, columns, channels = draw_shape(rng, (4,), 6, 24)
    block = [int(n) for n in rng.integers(1, 4, 2)]
    builder, x = _start(rng, (images, rows * block[0], columns * block[1], channels))
    y = _like(builder, x, (images * block[0] * block[1], rows, columns, channels))
    paddings = [[0, 0], [0, 0]]
    builder.operator("SPACE_TO_BATCH_ND", [x, _integers(builder, block),
                                           _integers(builder, paddings)], [y], "SpaceToBatchND")
    return builder, [y], {"block": block, "paddings": paddings}


def _batch_to_space_nd(rng: np.random.Generator) -> Made:
    images, rows, columns, channels = draw_shape(rng, (4,), 6, 24)
    block = [int(n) for n in rng.integers(1, 4, 2)]
    sizes = (rows * block[0], columns * block[1])
    crops = [[int(rng.integers(0, 2)) if size > 4 else 0, int(rng.integers(0, 3)) if size > 4
              else 0] for size in sizes]
    builder, x = _start(rng, (images * block[0] * block[1], rows, columns, channels))
    y = _like(builder, x, (images, *(size - sum(pair) for size, pair in zip(
        sizes, crops, strict=True)), channels))
    builder.operator("BATCH_TO_SPACE_ND", [x, _integers(builder, block),
                                           _integers(builder, crops)], [y], "BatchToSpaceND")
    return builder, [y], {"block": block, "crops": crops}


def _resize_nearest_neighbor(rng: np.random.Generator) -> Made:
    builder, x = _start(rng, draw_shape(rng, (4,)))
    factors = rng.integers(1, 4, 2) if rng.random() < 0.6 else np.zeros(2, np.int64)
    size = [int(n * factor) if factor else int(rng.integers(1, 16))
            for n, factor in zip(x.shape[1:3], factors, strict=True)]
    align, half = (bool(rng.integers(2)) for _ in range(2))
    y = _like(builder, x, (x.shape[0], *size, x.shape[3]))
    builder.operator("RESIZE_NEAREST_NEIGHBOR", [x, _integers(builder, size)], [y],
                     "ResizeNearestNeighbor", version=3, alignCorners=align, halfPixelCenters=half)
    return builder, [y], {"size": size, "align_corners": align, "half_pixel": half}


def _paddings(rng: np.random.Generator, shape: Sequence[int], most: int) -> list[list[int]]:
    chance = rng.random()
    return [[int(rng.integers(0, min(most, n) + 1)) if rng.random() < chance else 0
             for _ in range(2)] for n in shape]


def _padded(shape: Sequence[int], paddings: list[list[int]]) -> list[int]:
    return [n + sum(pair) for n, pair in zip(shape, paddings, strict=True)]


def _pad(rng: np.random.Generator) -> Made:
    builder, x = _start(rng, draw_shape(rng, (1, 2, 3, 4)))
    paddings = _paddings(rng, x.shape, 4)
    y = builder.pad(x, paddings)
    return builder, [y], {"paddings": paddings, "value": x.zero_point}


def _padv2(rng: np.random.Generator) -> Made:
    builder, x = _start(rng, draw_shape(rng, (1, 2, 3, 4)))
    paddings, value = _paddings(rng, x.shape, 4), int(rng.integers(-128, 128))
    y = _like(builder, x, _padded(x.shape, paddings))
    given = builder.constant(np.array([value], np.int8), x.scale, x.zero_point)
    builder.operator("PADV2", [x, _integers(builder, paddings), given], [y], "PadV2")
    return builder, [y], {"paddings": paddings, "value": value}


def _mirror_pad(rng: np.random.Generator) -> Made:
    builder, x = _start(rng, draw_shape(rng, (1, 2, 3, 4)))
    reflects = bool(rng.integers(2))
    paddings = _paddings(rng, [n - reflects for n in x.shape], 5)
    y = _like(builder, x, _padded(x.shape, paddings))
    builder.operator("MIRROR_PAD", [x, _integers(builder, paddings)], [y], "MirrorPad",
                     mode=0 if reflects else 1)
    return builder, [y], {"paddings": paddings, "reflects": reflects}


def _gather(rng: np.random.Generator) -> Made:
    builder, x = _start(rng, draw_shape(rng, (1, 2, 3, 4)))
    axis = int(rng.integers(len(x.shape)))
    indices = rng.integers(0, x.shape[axis], int(rng.integers(1, 12))).astype(np.int32)
    y = _like(builder, x, (*x.shape[:axis], indices.size, *x.shape[axis + 1:]))
    builder.operator("GATHER", [x, builder.constant(indices)], [y], "Gather", axis=axis)
    return builder, [y], {"axis": axis, "indices": indices}


def _broadcast_to(rng: np.random.Generator) -> Made:
    shape = draw_shape(rng, (1, 2, 3, 4))
    source = [1 if rng.random() < 0.4 else n for n in shape][int(rng.integers(len(shape))):]
    builder, x = _start(rng, source)
    y = _like(builder, x, shape)
    builder.operator("BROADCAST_TO", [x, _integers(builder, shape)], [y], "BroadcastTo")
    return builder, [y], {"shape": shape}


def _reverse(rng: np.random.Generator) -> Made:
    builder, x = _start(rng, draw_shape(rng, (1, 2, 3, 4)))
    axes = [int(rng.integers(len(x.shape)))]
    y = _like(builder, x, x.shape)
    builder.operator("REVERSE_V2", [x, _integers(builder, axes)], [y])
    return builder, [y], {"axes": axes}


def _squeeze(rng: np.random.Generator) -> Made:
    shape = draw_shape(rng, (3, 4))
    builder, x = _start(rng, (1, *shape))
    y = _like(builder, x, shape)
    builder.operator("SQUEEZE", [x], [y], "Squeeze", squeezeDims=[0])
    return builder, [y], {}


def _expand_dims(rng: np.random.Generator) -> Made:
    builder, x = _start(rng, draw_shape(rng, (2, 3)))
    axis = int(rng.integers(len(x.shape) + 1))
    y = _like(builder, x, (*x.shape[:axis], 1, *x.shape[axis:]))
    builder.operator("EXPAND_DIMS", [x, _integers(builder, axis)], [y], "ExpandDims")
    return builder, [y], {}


MOVEMENT: dict[str, Callable[[np.random.Generator], Made]] = {
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "PACK": _pack,
    "UNPACK": _unpack,
    "TRANSPOSE": _transpose,
    "DEPTH_TO_SPACE": _depth_to_space,
    "SPACE_TO_DEPTH": _space_to_depth,
    "SPACE_TO_BATCH_ND": _space_to_batch_nd,
    "BATCH_TO_SPACE_ND": _batch_to_space_nd,
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest_neighbor,
    "PAD": _pad,
    "PADV2": _padv2,
    "MIRROR_PAD": _mirror_pad,
    "GATHER": _gather,
    "BROADCAST_TO": _broadcast_to,
    "REVERSE_V2": _reverse,
    "SQUEEZE": _squeeze,
    "EXPAND_DIMS": _expand_dims,
}
