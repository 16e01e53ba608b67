"""What the compiler refuses of operators that move bytes, and in which words."""

import numpy as np
import pytest

from hadron_compiler import CompileError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.tflite_builder import ModelBuilder, Tensor

SHAPE = (1, 6, 8, 4)


def refused(opcode: str, constants: list[object], shapes: list[tuple[int, ...]], *,
            options: str | None = None, first: bool = True, scale: float = 0.1,
            **values: object) -> str:
    """Compile one operator on x of SHAPE, with these constants and output shapes."""
    builder = ModelBuilder()
    x = builder.input(SHAPE, 0.1, 0, name="x")
    given: list[Tensor] = []
    for number, value in enumerate(constants):
        data = np.asarray(value)
        quantized = data.dtype == np.int8
        given.append(builder.constant(data if quantized else data.astype(np.int32),
                                      scale if quantized else None, name=f"k{number}"))
    outputs = [builder.tensor(shape, scale, 0, name=f"y{number}")
               for number, shape in enumerate(shapes)]
    builder.operator(opcode, [x, *given] if first else [*given, x], outputs, options, **values)
    with pytest.raises(CompileError) as caught:
        compile_model(builder.finish(outputs), CONFIGS["h64"], name="net.tflite")
    return str(caught.value).removeprefix("net.tflite: ")


def test_slice() -> None:
    assert refused("SLICE", [[0, 0, 5, 0], [1, 6, 4, 4]], [(1, 6, 4, 4)]) == (
        "SLICE #0: begin [0, 0, 5, 0] and size [1, 6, 4, 4] leave input x of the shape "
        "[1, 6, 8, 4]")
    assert refused("SLICE", [[0, 0], [1, 6]], [(1, 6, 4, 4)]).splitlines()[1:] == [
        "  SLICE #0: constant k0 has 2 elements, must be 4",
        "  SLICE #0: constant k1 has 2 elements, must be 4"]
    assert refused("SLICE", [[0, 0, 0, 0], [1, 6, 4, 4]], [(1, 6, 4, 4)], scale=0.2) == (
        "SLICE #0: quantization of input x and output y0 differ")


def test_strided_slice() -> None:
    def message(strides: list[int], **masks: int) -> str:
        return refused("STRIDED_SLICE", [[0, 9, 0, 0], [1, 6, 8, 4], strides], [(1, 6, 8, 4)],
                       options="StridedSlice", **masks)

    assert message([1, 0, 1, 1]) == "STRIDED_SLICE #0: strides [1, 0, 1, 1] must not be 0"
    assert message([1, 1, 1, 1], ellipsisMask=1).splitlines()[1] == (
        "  STRIDED_SLICE #0: ellipsis and new axis masks are not supported")
    assert message([1, 1, 1, 1], shrinkAxisMask=2) == (
        "STRIDED_SLICE #0: begin 9 of axis 1 leaves input x of the shape [1, 6, 8, 4]")
    assert message([1, 1, 1, 1]).splitlines()[1] == "  STRIDED_SLICE #0: output y0 is empty"


def test_split() -> None:
    halves = [(1, 6, 4, 4)] * 2
    assert refused("SPLIT", [4], halves, options="Split", first=False, numSplits=2) == (
        "SPLIT #0: axis 4 is not one of the 4 that SPLIT has here")
    assert refused("SPLIT_V", [[3, 4], 2], halves, options="SplitV", numSplits=2) == (
        "SPLIT_V #0: input x of the shape [1, 6, 8, 4] does not divide into [3, 4] along axis 2")
    assert refused("UNPACK", [], halves, options="Unpack", axis=1, num=2) == (
        "UNPACK #0: input x of the shape [1, 6, 8, 4] does not divide into [1, 1, 1, 1, 1, 1] "
        "along axis 1")


def test_pack() -> None:
    assert refused("PACK", [], [(1, 6, 8, 4, 2)], options="Pack", axis=4) == (
        "PACK #0: inputs of the shapes [[1, 6, 8, 4]] do not make up output y0 of the shape "
        "[1, 6, 8, 4, 2]")


def test_transpose() -> None:
    assert refused("TRANSPOSE", [[0, 1, 1, 3]], [SHAPE]) == (
        "TRANSPOSE #0: [0, 1, 1, 3] is not an order of the axes")


def test_blocks() -> None:
    assert refused("DEPTH_TO_SPACE", [], [(1, 18, 24, 1)], options="DepthToSpace",
                   blockSize=3) == (
        "DEPTH_TO_SPACE #0: block size 3: 4 channels are no multiple of 3x3")
    assert refused("SPACE_TO_DEPTH", [], [(1, 2, 2, 36)], options="SpaceToDepth",
                   blockSize=3) == (
        "SPACE_TO_DEPTH #0: block size 3: 6x8 are no multiples of it")
    assert refused("SPACE_TO_BATCH_ND", [[2, 3], [[0, 0], [0, 0]]], [(6, 3, 3, 4)]) == (
        "SPACE_TO_BATCH_ND #0: 6x8 with padding are no multiples of the block size 2x3")
    assert refused("BATCH_TO_SPACE_ND", [[2, 2], [[0, 0], [0, 0]]], [(1, 12, 16, 1)]) == (
        "BATCH_TO_SPACE_ND #0: 1 images are no multiple of the block size 2x2")


def test_resize() -> None:
    assert refused("RESIZE_NEAREST_NEIGHBOR", [[12, 9]], [(1, 12, 16, 4)],
                   options="ResizeNearestNeighbor") == (
        "RESIZE_NEAREST_NEIGHBOR #0: output y0 has the shape [1, 12, 16, 4], must be "
        "[1, 12, 9, 4]")


def test_pad() -> None:
    assert refused("PAD", [[[0, 0], [1, -1], [0, 0], [0, 0]]], [SHAPE]) == (
        "PAD #0: paddings k0 have the shape [4, 2], must be [4, 2] and not negative")
    assert refused("MIRROR_PAD", [[[0, 0], [6, 0], [0, 0], [0, 0]]], [(1, 12, 8, 4)],
                   options="MirrorPad", mode=0) == (
        "MIRROR_PAD #0: paddings [[0, 0], [6, 0], [0, 0], [0, 0]] are more than input x of the "
        "shape [1, 6, 8, 4] has to mirror")


def test_gather() -> None:
    assert refused("GATHER", [[0, 8]], [(1, 6, 2, 4)], options="Gather", axis=2) == (
        "GATHER #0: indices k0 are beyond the 8 elements of axis 2")
    assert refused("GATHER", [[0, 7]], [(1, 6, 2, 4)], options="Gather", axis=2, batchDims=1) == (
        "GATHER #0: batch dimensions are not supported")


def test_broadcast() -> None:
    assert refused("BROADCAST_TO", [[1, 6, 8, 8]], [(1, 6, 8, 8)]) == (
        "BROADCAST_TO #0: input x of the shape [1, 6, 8, 4] does not repeat to [1, 6, 8, 8]")
