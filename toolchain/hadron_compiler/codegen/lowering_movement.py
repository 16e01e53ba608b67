"""From an operation that moves bytes to its kernel."""

from dataclasses import replace
from math import prod

import numpy as np

from hadron_compiler.codegen.byte_planes import InBothPlanesKernel
from hadron_compiler.codegen.copy import CopyKernel
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.move import MoveKernel
from hadron_compiler.codegen.pool import MaxPoolKernel
from hadron_compiler.codegen.shuffle import shuffle_kernel
from hadron_compiler.codegen.transposition import TransposeKernel, WeaveKernel, matrix_of
from hadron_compiler.ir.graph import (
    FILL,
    ConcatenationAttributes,
    MoveAttributes,
    Operation,
    PadAttributes,
    Window,
)
from hadron_spec.commands import DEEP_OFFSET
from hadron_spec.config import NpuConfig

__all__ = ["lower_concatenation", "lower_move", "lower_pad"]


def lower_pad(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of PAD that is no part of a convolution."""
    attributes = operation.attributes
    assert isinstance(attributes, PadAttributes)
    source, output = operation.required(0), operation.outputs[0]
    images, height, width, channels = source.shape
    _, rows, columns, _ = output.shape
    geometry = Geometry(images, (height, width, channels), (rows, columns, channels),
                        Window(pad_top=attributes.top, pad_left=attributes.left))
    if source.deep:
        return InBothPlanesKernel(*(
            MaxPoolKernel(config, operation.label, geometry, -128, 127, fill)
            for fill in (-DEEP_OFFSET, 0)))
    return MaxPoolKernel(config, operation.label, geometry, -128, 127, output.zero_point)


def lower_concatenation(operation: Operation, config: NpuConfig) -> Kernel:
    """Copy one input; what lies inside of the axis is a pixel of as many channels."""
    attributes = operation.attributes
    assert isinstance(attributes, ConcatenationAttributes)
    source = operation.required(0)
    shape = attributes.shape or operation.outputs[0].shape
    axis = attributes.axis
    outer = (1, 1, *shape[:axis])
    rows, columns = prod(outer[:-1]), outer[-1]
    inner = prod(shape[axis + 1:])
    first, size = attributes.first * inner, source.shape[axis] * inner
    geometry = Geometry(1, (rows, columns, size), (rows, columns, shape[axis] * inner),
                        channels=(first, first + size))
    if source.deep:
        return InBothPlanesKernel(CopyKernel(config, operation.label, geometry),
                                  CopyKernel(config, operation.label, geometry))
    return CopyKernel(config, operation.label, geometry)


def lower_move(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of a movement, of 16-bit activations one of bytes of two planes."""
    attributes = operation.attributes
    assert isinstance(attributes, MoveAttributes)
    source, output = operation.required(0), operation.outputs[0]
    if not source.deep:
        move = MoveKernel(config, operation.label, source.shape, output.shape, attributes)
        matrix = matrix_of(attributes)
        shuffle = shuffle_kernel(config, operation.label, source.shape, attributes)
        if matrix is not None and matrix[1] < config.columns and matrix[3] == 1:
            weave = WeaveKernel(config, operation.label, matrix)
            if weave.steps < (shuffle or move).steps:
                return weave
        if matrix is not None and 2 * move.row_bytes > config.act_bytes:
            return TransposeKernel(config, operation.label, matrix)
        return move if shuffle is None or shuffle.steps >= move.steps else shuffle
    if any((axis == FILL).any() for axis in attributes.axes):
        return InBothPlanesKernel(*(
            MoveKernel(config, operation.label, source.shape, output.shape,
                       replace(attributes, fill=fill))
            for fill in (attributes.fill % 256 - DEEP_OFFSET, attributes.fill >> 8)))
    # An axis more, over the planes.
    planes = MoveAttributes((source.elements * np.arange(2), *attributes.axes))
    return MoveKernel(config, operation.label, (2, *source.shape), (2, *output.shape), planes)
