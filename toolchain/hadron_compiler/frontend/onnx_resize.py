"""ONNX Resize and Upsample."""

from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.frontend.offsets import strides
from hadron_compiler.frontend.onnx_inputs import Given, Options, Value, constant_at, image_at
from hadron_compiler.frontend.onnx_values import Image, stored_shape
from hadron_compiler.frontend.spatial import bilinear
from hadron_compiler.ir.graph import MoveAttributes, OpKind

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["resize"]


def resize(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Resize, Upsample: nearest neighbour to any size; linear, of rows and columns, with positions
    of ten bits as TensorFlow Lite has them."""
    source = image_at(importer, given)
    if source is None:
        return None
    source = importer.image(source)
    scales, sizes = constant_at(given, 2 if len(given) > 2 else 1), constant_at(given, 3)
    if not importer.require(
            (sizes is not None and sizes.data.size == len(source.shape))
            or (scales is not None and scales.data.size == len(source.shape)),
            "sizes or scales must be constant, one for each axis"):
        return None
    if sizes is not None:
        size = [int(n) for n in sizes.data.ravel()]
        factors = [new / old for new, old in zip(size, source.shape, strict=True)]
    else:
        assert scales is not None
        factors = [float(n) for n in scales.data.ravel()]
        size = [floor(old * factor) for old, factor in zip(source.shape, factors, strict=True)]
    mode = options.get("mode", b"nearest").decode()
    coordinates = options.get("coordinate_transformation_mode",
                              b"asymmetric" if len(given) < 3 else b"half_pixel").decode()
    if not importer.require(min(size) > 0 and coordinates in _COORDINATES, f"{coordinates} to the "
                            f"shape {size} is not supported; {', '.join(_COORDINATES)} are"):
        return None
    if mode == "linear" and size != list(source.shape):
        return _linear(importer, source, size, coordinates)
    if not importer.require(mode in ("nearest", "linear"), f"{mode} is not supported; nearest and "
                                                           "linear are"):
        return None
    rounding = options.get("nearest_mode", b"floor" if len(given) < 3 else b"round_prefer_floor")
    axes = [_nearest(new, old, factor, coordinates, rounding.decode())
            for new, old, factor in zip(size, source.shape, factors, strict=True)]
    places = stored_shape(tuple(range(len(size))), source.channels_last)
    move = MoveAttributes(tuple(step * axes[axis] for step, axis in zip(
        strides(source.tensor.shape), places, strict=True)))
    output = importer.operation(
        OpKind.RESIZE_NEAREST_NEIGHBOR, source.tensor,
        stored_shape(tuple(size), source.channels_last), move, "resized")
    return Image(output, tuple(size), source.channels_last)


_COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


def _nearest(new: int, old: int, factor: float, coordinates: str,
             rounding: str) -> npt.NDArray[np.int64]:
    """Return the source of each element of an axis."""
    def source(x: int) -> int:
        if coordinates == "align_corners":
            position = x * (old - 1) / (new - 1) if new > 1 else 0.0
        elif coordinates == "asymmetric":
            position = x / factor
        else:
            position = (x + 0.5) / factor - 0.5
            if coordinates == "pytorch_half_pixel" and new == 1:
                position = 0.0
        near = {"floor": floor(position), "ceil": ceil(position),
                "round_prefer_ceil": floor(position + 0.5)}.get(rounding, ceil(position - 0.5))
        return min(max(near, 0), old - 1)

    return np.array([source(x) for x in range(new)], np.int64)


def _linear(importer: "OnnxImporter", source: Image, size: list[int],
            coordinates: str) -> Value | None:
    if not importer.require(len(size) == 4 and tuple(size[:2]) == source.shape[:2],
                            "linear interpolation is supported of rows and columns"):
        return None
    shape = stored_shape(tuple(size), True)
    output = importer.operation(OpKind.RESIZE_BILINEAR, source.tensor, shape, None, "resized")
    importer.operations[-1].attributes = bilinear(
        source.tensor.shape, size[2:], align_corners=coordinates == "align_corners",
        half_pixel=coordinates.endswith("half_pixel"))
    return Image(output, tuple(size), True)
