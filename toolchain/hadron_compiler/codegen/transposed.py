"""TRANSPOSE_CONV: of a stride of s, s x s convolutions that interleave."""

import numpy as np

from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.integers import output_stage
from hadron_compiler.codegen.interleaved import InterleavedKernel, Share
from hadron_compiler.codegen.matrix import ConvolutionKernel
from hadron_compiler.ir.graph import Operation, TransposeConvolutionAttributes, Window
from hadron_spec.config import NpuConfig

__all__ = ["transpose_conv"]


def transpose_conv(operation: Operation, config: NpuConfig) -> InterleavedKernel:
    """Return the kernel of a transposed convolution.

    Output row o takes input row i times kernel row f where o = i * stride - padding + f. All rows
    equal to one another modulo the stride take the same kernel rows, every stride-th of them, from
    input rows next to one another: a convolution, with the kernel rows in reverse.
    """
    attributes = operation.attributes
    assert isinstance(attributes, TransposeConvolutionAttributes)
    source, output = operation.required(0), operation.outputs[0]
    data = operation.required(1).data
    assert data is not None
    weights = data.astype(np.int16)
    images, height, width, depth = source.shape
    _, rows, columns, channels = output.shape
    shares = []
    for phase_y in range(min(attributes.stride_y, rows)):
        taps_y, pad_top = _phase(phase_y, attributes.stride_y, attributes.pad_top,
                                 weights.shape[1])
        for phase_x in range(min(attributes.stride_x, columns)):
            taps_x, pad_left = _phase(phase_x, attributes.stride_x, attributes.pad_left,
                                      weights.shape[2])
            own = weights[:, taps_y][:, :, taps_x]
            if not own.size:  # A kernel smaller than the stride: nothing but the bias.
                own = np.zeros((channels, 1, 1, depth), np.int16)
                pad_top = pad_left = 0
            size = (-(-(rows - phase_y) // attributes.stride_y),
                    -(-(columns - phase_x) // attributes.stride_x))
            geometry = Geometry(images, (height, width, depth), (*size, channels), Window(
                own.shape[1], own.shape[2], pad_top=pad_top, pad_left=pad_left))
            stage = output_stage(operation, own.reshape(channels, -1).astype(np.int64),
                                 attributes.activation)
            macs = images * size[0] * size[1] * own.size
            kernel = ConvolutionKernel(config, operation.label, geometry, stage,
                                       source.zero_point, own, macs)
            shares.append(Share(kernel, phase_y, attributes.stride_y, phase_x,
                                attributes.stride_x))
    return InterleavedKernel(operation.label, (rows, columns, channels), shares)


def _phase(phase: int, stride: int, padding: int, kernel: int) -> tuple[list[int], int]:
    """Return the kernel rows of the outputs `phase`, `phase` + stride, ..., and the padding."""
    base, first = divmod(phase + padding, stride)
    taps = list(range(first, kernel, stride))[::-1]
    return taps, len(taps) - 1 - base
