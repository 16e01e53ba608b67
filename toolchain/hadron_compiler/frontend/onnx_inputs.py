"""What the importers of ONNX operators share: their types, and the inputs of a node."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.frontend.onnx_values import (
    Constant,
    Function,
    Image,
    Pending,
    Quantized,
    Value,
)

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["Given", "Handler", "Made", "Options", "Value", "bytes_at", "constant_at", "image_at",
           "integers_at", "options_of", "real_at", "settled", "shape_of"]

Given = list[Value | None]
Options = dict[str, Any]
Made = Value | Sequence[Value | None] | None
"""What a node makes: a value, or one for each output; None where it has been reported."""
Handler = Callable[["OnnxImporter", Any, Given, Options], Made]


def options_of(onnx: Any, node: Any) -> Options:
    """Return the attributes of a node by name."""
    return {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}


def image_at(importer: "OnnxImporter", given: Given, position: int = 0) -> Image | None:
    """Return an input that is a quantized activation, or that is made one."""
    value = given[position] if position < len(given) else None
    if isinstance(value, Function | Pending):
        return importer.settled(value)
    quantized = isinstance(value, Image) and bool(value.tensor.scales)
    importer.require(quantized, f"input {position} is not quantized")
    return value if isinstance(value, Image) and quantized else None


def settled(importer: "OnnxImporter", given: Given) -> Given | None:
    """Return the inputs of a node with what is not quantized yet quantized; None where that cannot
    be."""
    made: Given = [importer.settled(value) if isinstance(value, Pending) else value
                   for value in given]
    lost = any(value is None and before is not None
               for value, before in zip(made, given, strict=True))
    return None if lost else made


def bytes_at(importer: "OnnxImporter", given: Given) -> Image | None:
    """Return the first input for an operator that moves bytes and does not look at them: they may
    be a network input's, and be quantized afterwards."""
    value = given[0]
    return value if isinstance(value, Image) else image_at(importer, given)


def constant_at(given: Given, position: int) -> Constant | None:
    """Return an input that is a constant, None where it is absent or is not."""
    value = given[position] if position < len(given) else None
    return value if isinstance(value, Constant) else None


def real_at(given: Given, position: int) -> npt.NDArray[np.float64] | None:
    """Return the real numbers of a constant input, None where it is absent or is not constant."""
    value = given[position] if position < len(given) else None
    if isinstance(value, Quantized):
        return value.real
    return value.data.astype(np.float64) if isinstance(value, Constant) else None


def integers_at(importer: "OnnxImporter", given: Given, position: int, options: Options,
                name: str) -> list[int] | None:
    """Return integers that are an input, or in older models an attribute; None where neither is
    there. What is there must be constant."""
    value = given[position] if position < len(given) else None
    if value is None:
        return [int(item) for item in options[name]] if name in options else None
    if not importer.require(isinstance(value, Constant), f"{name} must be constant"):
        return None
    assert isinstance(value, Constant)
    return [int(item) for item in value.data.ravel()]


def shape_of(value: Value | None) -> tuple[int, ...]:
    """Return the shape that the file gives a value."""
    if isinstance(value, Function):
        return value.source.shape
    if isinstance(value, Image):
        return value.shape
    return value.data.shape if isinstance(value, Quantized | Constant) else ()
