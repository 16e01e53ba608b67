"""Networks of UINT8, as converters made them before INT8: the same numbers, 128 lower.

Activations and weights are taken for INT8 of a zero point that is 128 less. TensorFlow Lite has
kernels of their own for them; where these round halves up, so the averages of AVERAGE_POOL_2D and
MEAN, those of INT8 round them away from zero, and so does the NPU.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from hadron_compiler.frontend.flatbuffer import RawModel, RawTensor

__all__ = ["as_signed", "is_shifted"]


def as_signed(model: RawModel) -> RawModel:
    """Return a model whose quantized UINT8 tensors are INT8, but for those that QUANTIZE takes from
    or to the same numbers in INT8: they are left to the host."""
    kept = {i for operator in model.operators if operator.kind == "QUANTIZE"
            for i in _converted(model, (*operator.inputs[:1], *operator.outputs[:1]))}
    return replace(model, tensors=tuple(
        _signed(tensor) if tensor.dtype == "UINT8" and tensor.scales and i not in kept else tensor
        for i, tensor in enumerate(model.tensors)))


def is_shifted(wide: RawTensor, narrow: RawTensor) -> bool:
    """Tell whether two tensors hold the same numbers, as UINT8 and as INT8."""
    return (wide.dtype == "UINT8" and narrow.dtype == "INT8" and wide.scales == narrow.scales
            and wide.zero_points == tuple(point + 128 for point in narrow.zero_points))


def _converted(model: RawModel, ends: Iterable[int]) -> list[int]:
    """Return the end of a QUANTIZE that is in UINT8 what the other one is in INT8."""
    source, output = ends
    return [one for one, other in ((source, output), (output, source))
            if is_shifted(model.tensors[one], model.tensors[other])]


def _signed(tensor: RawTensor) -> RawTensor:
    data = tensor.data
    return replace(tensor, dtype="INT8", unsigned=True,
                   zero_points=tuple(point - 128 for point in tensor.zero_points),
                   data=None if data is None else (data.astype(np.int16) - 128).astype(np.int8))
