"""QUANTIZE from and to 16 bits, and RELU of them: what passes between layers of unlike precision.

Source: tflite-micro kernels/quantize_common.cc; reference/requantize.h, Requantize;
kernels/activations_common.cc, ReluQuantized.
"""


import numpy as np

from hadron_compiler.codegen.elementwise import BYTES, LookupKernel, LookupStage
from hadron_compiler.codegen.geometry import Geometry, image_of
from hadron_compiler.codegen.integers import RefusedError
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.matrix import DepthwiseKernel, OutputStage
from hadron_compiler.ir.graph import Operation, RescaleAttributes
from hadron_spec.commands import DEEP_OFFSET
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import multiply_by_quantized_multiplier, quantize_multiplier
from hadron_spec.tflite_quantization import float32

__all__ = ["lower_rescale"]

MOST_DOUBLINGS = 6
"""Bits by which the weight of an element scales it: 64 is the largest power of two it can be."""


def lower_rescale(operation: Operation, config: NpuConfig) -> Kernel:
    """Return a table of 16-bit entries, or of 16-bit activations a convolution of one element."""
    attributes = operation.attributes
    assert isinstance(attributes, RescaleAttributes)
    source, output = operation.required(0), operation.outputs[0]
    multiplier, shift = quantize_multiplier(float32(source.scale) / float32(output.scale))
    zero = output.zero_point
    if not source.deep:
        x = BYTES - source.zero_point
        values = multiply_by_quantized_multiplier(x, multiplier, shift) + zero
        # Wide entries are not shifted left: twice as large, half of them comes out.
        table = 2 * np.clip(values, -1 << 15, (1 << 15) - 1)
        return LookupKernel(config, operation.label, output.shape, [table],
                            LookupStage(1 << 30, 0, True, 0, -128, 127, deep_results=True))
    doublings = max(0, shift)
    if doublings > MOST_DOUBLINGS:
        raise RefusedError(f"the scale of input {source.name} is {source.scale / output.scale:.4g} "
                           f"times the output's, must be less than {1 << MOST_DOUBLINGS}")
    image = image_of(source.shape)
    channels = image[2]
    weight = 1 << doublings
    ends = (-1 << 15, (1 << 15) - 1) if output.deep else (-128, 127)
    if attributes.positive:
        ends = (0, ends[1])
    stage = OutputStage(
        np.full(channels, DEEP_OFFSET * weight), np.full(channels, multiplier),
        np.full(channels, shift - doublings), np.ones(channels, np.bool_), zero, *ends,
        deep=True, deep_results=output.deep)
    return DepthwiseKernel(config, operation.label, Geometry(1, image, image), stage, 0,
                           np.full((1, 1, channels, 1), weight, np.int8))
