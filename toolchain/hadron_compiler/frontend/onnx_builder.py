"""The graph of an ONNX model while it is made: operations, and values that wait for a scale."""

from collections.abc import Callable
from dataclasses import replace
from math import isfinite

import numpy as np

from hadron_compiler.frontend.offsets import spans
from hadron_compiler.frontend.onnx_values import (
    Function,
    Image,
    Pending,
    Value,
    axes_first,
    axes_last,
    inverse,
    quantization,
    stored_shape,
)
from hadron_compiler.frontend.problems import Problems
from hadron_compiler.ir.graph import (
    DType,
    MoveAttributes,
    Operation,
    OpKind,
    TableAttributes,
    Tensor,
)
from hadron_spec.real_tables import real_table

__all__ = ["OnnxBuilder"]


class OnnxBuilder:
    """Appends operations; `label` and `index` are those of the node at hand."""

    def __init__(self) -> None:
        self.problems = Problems()
        self.operations: list[Operation] = []
        self.origins: dict[Tensor, Tensor] = {}
        self.images: dict[Tensor, Image] = {}
        """Of what images have been turned into the order of the file, or shown so: the images."""
        self.finished: dict[tuple[object, ...], Image] = {}
        self.label = ""
        self.index = 0

    def require(self, ok: bool, problem: str) -> bool:
        """Report a problem of the node at hand unless `ok`."""
        if not ok:
            self.problems.add(f"{self.label}: {problem}" if self.label else problem)
        return ok

    def after(self, value: Value | None, move: Callable[[Image], Value | None]) -> Value | None:
        """Return a value after a movement of its bytes, at once or when it has been quantized."""
        if isinstance(value, Image):
            return move(value)
        if isinstance(value, Function):
            moved = move(value.source)
            return replace(value, source=moved) if isinstance(moved, Image) else None
        if isinstance(value, Pending):
            label, index = self.label, self.index

            def later(image: Image) -> Value | None:
                now = self.label, self.index
                self.label, self.index = label, index
                made = move(image)
                self.label, self.index = now
                return made

            return replace(value, then=(*value.then, later))
        return value

    def requantized(self, tensor: Tensor, wanted: Tensor) -> Tensor:
        """Return a tensor's values quantized like another one: by a table, unless they are."""
        if (tensor.scales, tensor.zero_points) == (wanted.scales, wanted.zero_points):
            return tensor
        if tensor.data is not None:
            real = (tensor.data.astype(np.float64) - tensor.zero_point) * tensor.scale
            data = np.clip(np.rint(real / wanted.scale) + wanted.zero_point, -128, 127)
            return replace(tensor, data=data.astype(np.int8), scales=wanted.scales,
                           zero_points=wanted.zero_points)
        same = Function(Image(tensor, tensor.shape), lambda x: x, OpKind.QUANTIZE, self.index)
        return self.tabulated(same, f"{tensor.name} (requantized)", wanted.scales,
                              wanted.zero_points).tensor

    def tabulated(self, function: Function, name: str, scales: tuple[float, ...],
                  points: tuple[int, ...]) -> Image:
        """Append the table of a function whose quantization is now known."""
        source = function.source.tensor
        output = replace(source, name=name, root=None, data=None, scales=scales,
                         zero_points=points)
        table = real_table((source.scale, source.zero_point), (output.scale, output.zero_point),
                           function.apply)
        self.operations.append(Operation(function.kind, function.index, [source], [output],
                                         TableAttributes(tuple(table))))
        return replace(function.source, tensor=output)

    def settled(self, function: Function) -> Image | None:
        """Return a function that the model leaves in real numbers, quantized over its range."""
        key = (function,)
        if key not in self.finished:
            source = function.source.tensor
            values = [function.apply((q - source.zero_point) * source.scale)
                      for q in range(-128, 128)]
            if not self.require(all(isfinite(value) for value in values),
                                f"{function.kind.value} #{function.index}, which is not quantized, "
                                "is not finite for all inputs"):
                return None
            low, high = min(0.0, *values), max(0.0, *values)
            self.finished[key] = self.tabulated(function, f"{source.name} (a function)",
                                                *quantization(low, high))
        return self.finished[key]

    def finish(self, pending: Pending, name: str, scales: tuple[float, ...],
               points: tuple[int, ...]) -> Image | None:
        """Append the operation of real numbers whose quantization is now known."""
        key = (pending.origin, pending.activation, pending.gain, scales, points)
        if key not in self.finished:
            shape = stored_shape(pending.shape, pending.channels_last)
            output = Tensor(name, shape, DType.INT8, (scales[0] / pending.gain,), points)
            self.operations.append(Operation(
                pending.kind, pending.index, pending.inputs(output), [output],
                pending.attributes(pending.activation, output)))
            if pending.gain != 1:
                output = self.operation(OpKind.RESHAPE, output, shape, None, "times a number")
                output.scales = scales
            self.finished[key] = Image(output, pending.shape, pending.channels_last)
        image: Value | None = self.finished[key]
        for move in pending.then:
            image = move(image) if isinstance(image, Image) else None
            if isinstance(image, Function):
                image = self.tabulated(image, name, scales, points)
        return image if isinstance(image, Image) else None

    def operation(self, kind: OpKind, source: Tensor, shape: tuple[int, ...],
                  attributes: MoveAttributes | None, what: str) -> Tensor:
        """Append an operation that moves bytes; without attributes, one that shows them anew."""
        output = replace(source, name=f"{source.name} ({what})", shape=shape, root=None, data=None)
        self.operations.append(Operation(kind, self.index, [source], [output], attributes))
        self.origins[output] = source
        if kind is OpKind.RESHAPE and source in self.images:
            self.images[output] = self.images[source]
        return output

    def image(self, value: Image) -> Image:
        """Return a value of three axes or more with its channels last."""
        if value.channels_last or len(value.shape) < 3:
            return value
        return Image(self.turned(value.tensor, axes_last(len(value.shape))), value.shape, True)

    def plain(self, value: Image) -> Image:
        """Return a value in the order that the file says."""
        if value.order:
            return Image(self.turned(value.tensor, inverse(value.order)), value.shape)
        if not value.channels_last:
            return value
        plain = self.turned(value.tensor, axes_first(len(value.shape)))
        self.images[plain] = value
        return Image(plain, value.shape)

    def moves_nothing(self, value: Image) -> bool:
        """Tell whether the bytes of an image are in the same order with its channels first."""
        return value.shape[1] == 1 or all(size == 1 for size in value.shape[2:])

    def turned(self, source: Tensor, order: tuple[int, ...]) -> Tensor:
        """Return a tensor with its axes in another order: a view where only axes of size 1 move."""
        shape = tuple(source.shape[axis] for axis in order)
        moved = [axis for axis in order if source.shape[axis] > 1]
        if moved == sorted(moved):
            return self.operation(OpKind.RESHAPE, source, shape, None, "view")
        axes = spans(source.shape, [0] * len(shape), source.shape).axes
        return self.operation(OpKind.TRANSPOSE, source, shape,
                              MoveAttributes(tuple(axes[axis] for axis in order)), "turned")
