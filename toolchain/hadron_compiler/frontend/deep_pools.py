"""MAX_POOL_2D of 16 bits: the maximum of neighbours, of columns first, then of rows.

The array compares bytes. MAXIMUM of two tensors of 16 bits takes several passes, but all pixels at
once: so a window is as many movements as it has columns, and rows, and one MAXIMUM less.
"""

from dataclasses import replace

import numpy as np

from hadron_compiler.frontend.checker import Checker
from hadron_compiler.frontend.offsets import strides
from hadron_compiler.ir.graph import (
    Activation,
    ClampAttributes,
    ExtremumAttributes,
    MoveAttributes,
    Operation,
    OpKind,
    Tensor,
    Window,
)
from hadron_spec.tflite_quantization import activation_range

__all__ = ["deep_max_pool"]


def deep_max_pool(check: Checker, window: Window) -> list[Operation]:
    """Return what MAX_POOL_2D becomes."""
    operation = check.operation
    output = operation.outputs[0]
    activation, clamp = check.activation(), None
    if activation is not Activation.NONE:
        clamp = ClampAttributes(*activation_range(activation.value, output.scale, 0, bits=16))
        output = replace(output, name=f"{output.name} (before {activation.value})")
    made: list[Operation] = []
    x = operation.required(0)
    for axis, kernel, stride, before in ((2, window.kernel_x, window.stride_x, window.pad_left),
                                         (1, window.kernel_y, window.stride_y, window.pad_top)):
        shape = tuple(output.shape[i] if i == axis else size for i, size in enumerate(x.shape))
        last = axis == 1
        if not last and kernel == stride == 1:
            continue
        rows = _taps(x, axis, shape[axis], kernel, stride, before)
        tensors = [replace(output, name=f"{output.name} (axis {axis}, tap {tap})", shape=shape)
                   for tap in range(2 * kernel - 1)]
        if last:
            tensors[-1] = output
        for tensor, offsets in zip(tensors, rows, strict=False):
            made.append(replace(operation, inputs=[x], outputs=[tensor], attributes=offsets))
        best = tensors[0]
        for tap in range(1, kernel):
            made.append(Operation(OpKind.MAXIMUM, operation.index, [best, tensors[tap]],
                                  [tensors[kernel + tap - 1]], ExtremumAttributes(False)))
            best = tensors[kernel + tap - 1]
        x = best
    if clamp is not None:
        made.append(replace(operation, inputs=[output], attributes=clamp))
    return made


def _taps(x: Tensor, axis: int, count: int, kernel: int, stride: int,
          before: int) -> list[MoveAttributes]:
    """Return of each tap of a window along an axis the elements that it reads. Out of bounds it
    reads what another one does: that changes no maximum."""
    steps = strides(x.shape)
    starts = np.arange(count) * stride - before
    made = []
    for tap in range(kernel):
        places = np.clip(starts + tap, np.maximum(starts, 0),
                         np.minimum(starts + kernel, x.shape[axis]) - 1)
        made.append(MoveAttributes(tuple(
            step * (places if i == axis else np.arange(size))
            for i, (size, step) in enumerate(zip(x.shape, steps, strict=True)))))
    return made
