"""What the importers of ONNX operators share: their types, and the inputs of a node."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hadron_compiler.frontend.onnx_values import Constant, Image, Pending, Quantized

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["Given", "Handler", "Options", "Value", "image_at", "shape_of"]

Value = Quantized | Constant | Image | Pending
Given = list[Value | None]
Options = dict[str, Any]
Handler = Callable[["OnnxImporter", Any, Given, Options], Value | None]


def image_at(importer: "OnnxImporter", given: Given, position: int = 0) -> Image | None:
    """Return an input that is a quantized activation."""
    value = given[position] if position < len(given) else None
    quantized = isinstance(value, Image) and bool(value.tensor.scales)
    importer.require(quantized, f"input {position} is not quantized")
    return value if isinstance(value, Image) and quantized else None


def shape_of(value: Value | None) -> tuple[int, ...]:
    """Return the shape that the file gives a value."""
    if isinstance(value, Image):
        return value.shape
    return value.data.shape if isinstance(value, Quantized | Constant) else ()
