"""ONNX's Reshape and Transpose: shapes and orders of axes, with as few moves of bytes as can be.

An image has its channels last in memory. What Reshape makes of it when it cuts axes, and Transpose
of that, keeps its bytes where they are, in an order of its own (:class:`Image`), until Reshape
joins axes again or somebody else needs it.
"""

from math import prod
from typing import TYPE_CHECKING, Any

from hadron_compiler.frontend.onnx_inputs import Given, Handler, Options, Value, shape_of
from hadron_compiler.frontend.onnx_values import Constant, Image, axes_last, stored_shape
from hadron_compiler.ir.graph import OpKind

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["REORDERING", "shown"]


def shown(importer: "OnnxImporter", given: Given, shape: tuple[int, ...]) -> Value | None:
    """Return the first input under another shape."""
    source = given[0]
    if not importer.require(isinstance(source, Image), "input 0 is not quantized"):
        return None
    assert isinstance(source, Image)
    if not importer.require(prod(source.shape) == prod(shape), f"{list(source.shape)} does not "
                            f"reshape to {list(shape)}"):
        return None
    image = importer.images.get(source.tensor)
    if image is not None and image.shape == shape:
        return image
    tensor = importer.plain(source).tensor
    return Image(importer.operation(OpKind.RESHAPE, tensor, shape, None, "view"), shape)


def _reshape(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Reshape: to a constant shape; costs nothing unless an image's channels must be moved."""
    target = given[1]
    source = given[0]
    if not importer.require(isinstance(target, Constant), "the shape must be a constant"):
        return None
    assert isinstance(target, Constant)
    shape = [int(n) for n in target.data.ravel()]
    known = shape_of(source)
    shape = [known[i] if n == 0 and i < len(known) else n for i, n in enumerate(shape)]
    if shape.count(-1) == 1:
        rest = -prod(shape)
        shape[shape.index(-1)] = prod(known) // rest if rest else 0
    return _reordered(importer, source, tuple(shape)) or shown(importer, given, tuple(shape))


def _reordered(importer: "OnnxImporter", source: Value | None, shape: tuple[int, ...],
               ) -> Image | None:
    """Return an image, each axis of which is cut into some or joined with others, without a move
    or with one; None where it is no image or its bytes must be in the file's order first.

    A channel shuffle cuts the channels in two, turns the two and joins them again. So do channels
    that become pixels, or pixels that become channels.
    """
    if not isinstance(source, Image) or not (source.channels_last or source.order):
        return None
    if shape == source.shape:
        return source
    order = source.order or axes_last(len(source.shape))
    cut = _joined(source.shape, shape)
    if cut is not None:
        stored = tuple(axis for whole in order for axis in cut[whole])
        tensor = importer.operation(OpKind.RESHAPE, source.tensor,
                                    tuple(shape[axis] for axis in stored), None, "view")
        return Image(tensor, shape, order=stored)
    joined = _joined(shape, source.shape) if source.order else None
    if joined is None:
        return None
    # In the file's order if nothing moves then, or if it is no image.
    plain = tuple(range(len(source.shape)))
    last = len(shape) > 3 and order != plain
    wanted = tuple(axis for group in (axes_last(len(shape)) if last else range(len(shape)))
                   for axis in joined[group])
    turned = importer.turned(source.tensor, tuple(order.index(axis) for axis in wanted))
    tensor = importer.operation(OpKind.RESHAPE, turned, stored_shape(shape, last), None, "view")
    return Image(tensor, shape, last)


def _joined(shape: tuple[int, ...], cut: tuple[int, ...]) -> list[range] | None:
    """Return which axes of `cut` each axis of `shape` is the product of, None if it is not so."""
    axes = []
    end = 0
    for size in shape:
        first = end
        while end < len(cut) and prod(cut[first:end]) < size:
            end += 1
        if end == first and cut[end:end + 1] == (1,):
            end += 1
        if prod(cut[first:end]) != size:
            return None
        axes.append(range(first, end))
    if not axes or prod(cut[end:]) != 1:
        return None
    return [*axes[:-1], range(axes[-1].start, len(cut))]


def _transpose(importer: "OnnxImporter", node: Any, given: Given,
               options: Options) -> Value | None:
    """Transpose: any; free between channels last and channels first, and of an image's axes that
    Reshape has cut and joins again."""
    source = given[0]
    if not importer.require(isinstance(source, Image), "input 0 is not quantized"):
        return None
    assert isinstance(source, Image)
    order = tuple(options.get("perm", range(len(source.shape))[::-1]))
    shape = tuple(source.shape[axis] for axis in order)
    rank = len(order)
    if source.order:
        return Image(source.tensor, shape, order=tuple(order.index(axis) for axis in source.order))
    if rank > 2 and order == (0, rank - 1, *range(1, rank - 1)) and not source.channels_last:
        return Image(source.tensor, shape, True)
    if order == axes_last(rank) and source.channels_last:
        return Image(source.tensor, shape)
    return Image(importer.turned(importer.plain(source).tensor, order), shape)


REORDERING: dict[str, Handler] = {"Reshape": _reshape, "Transpose": _transpose}
"""What takes images in an order of their own; all else gets them in the file's."""
