"""The integers behind an accumulator, and the proof that they stay in the hardware's range."""

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.matrix import OutputStage
from hadron_compiler.errors import CompileError
from hadron_compiler.ir.graph import Activation, DType, Operation, Tensor
from hadron_spec.commands import DEEP_OFFSET
from hadron_spec.numerics import (
    ACC_BITS,
    NARROW_BITS,
    SHIFT_MAX,
    multiply_by_quantized_multiplier,
    reduced_multiplier,
)
from hadron_spec.tflite_quantization import activation_range, convolution_multiplier

__all__ = [
    "RefusedError",
    "bounds",
    "check_bound",
    "check_right",
    "check_shift",
    "needs_wide",
    "output_stage",
]

_ACC_LIMIT = 1 << (ACC_BITS - 1)



class RefusedError(CompileError):
    """Why one operator cannot be lowered; `lower` collects those of all."""


def bounds(activation: Activation, output: Tensor) -> tuple[int, int]:
    """Return the smallest and the largest output that a fused activation lets through.

    Raises
    ------
    RefusedError
        When they are no bounds that the hardware has for 16 bits.
    """
    smallest, largest = activation_range(activation.value, output.scale, output.zero_point,
                                         bits=16 if output.deep else 8)
    if output.deep and (smallest % 256 or largest % 256 != 255):
        raise RefusedError(f"fused activation {activation.value} ends at {smallest} and {largest}; "
                           "of 16 bits, the first must be a multiple of 256, the second one less")
    return smallest, largest


def output_stage(operation: Operation, weights: npt.NDArray[np.int64],
                 activation: Activation, *, mixed: bool = False) -> OutputStage:
    """Fold the input's zero point into the bias and prove that no accumulator overflows.

    `weights` is (channels, taps); `mixed` as `needs_wide` takes it. With d = x - zero point for all
    d the input can take, bias + sum(w * d) must not leave 32 bits.
    """
    source, output = operation.required(0), operation.outputs[0]
    weight_tensor = operation.required(1)
    channels = weights.shape[0]
    bias = np.zeros(channels, np.int64)
    bias_tensor = operation.inputs[2] if len(operation.inputs) > 2 else None
    if bias_tensor is not None and bias_tensor.data is not None:
        bias = bias_tensor.data.astype(np.int64).reshape(channels)
    scales = weight_tensor.scales
    pairs = [convolution_multiplier(source.scale, scale, output.scale) for scale in scales]
    # TensorFlow Lite Micro adds up in 64 bits where the bias has no fewer, and rounds once.
    once = source.deep and (bias_tensor is None or bias_tensor.dtype is DType.INT64)
    if once:
        pairs = [(reduced_multiplier(value), shift) for value, shift in pairs]
    if len(pairs) == 1:
        pairs *= channels
    multipliers = np.array([pair[0] for pair in pairs], np.int64)
    shifts = np.array([pair[1] for pair in pairs], np.int64)
    check_shift(shifts)
    zero = source.zero_point
    positive = np.where(weights > 0, weights, 0).sum(axis=1)
    negative = np.where(weights < 0, weights, 0).sum(axis=1)
    ends = 1 << (15 if source.deep else 7)
    least = 0 if source.storage.positive else -ends
    highest = bias + positive * (ends - 1 - zero) + negative * (least - zero)
    lowest = bias + positive * (least - zero) + negative * (ends - 1 - zero)
    bound = np.maximum(np.abs(highest), np.abs(lowest))
    check_bound(bound, "the accumulator of channel")
    lowest_output, highest_output = bounds(activation, output)
    folded = bias - zero * weights.sum(axis=1)
    if source.deep:
        check_right(shifts)
        wide = np.ones(channels, np.bool_)
        folded += DEEP_OFFSET * weights.sum(axis=1)
    else:
        wide = needs_wide((lowest, highest), multipliers, shifts, output.zero_point,
                          (lowest_output, highest_output), mixed=mixed)
    # The hardware adds the sum of the raw inputs to the folded bias: modulo 2**32 that is the same.
    folded = (folded + _ACC_LIMIT) % (1 << ACC_BITS) - _ACC_LIMIT
    return OutputStage(folded, multipliers, shifts, wide, output.zero_point, lowest_output,
                       highest_output, source.deep, output.deep, once)


def needs_wide(accumulators: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
               multipliers: npt.NDArray[np.int64], shifts: npt.NDArray[np.int64], zero_point: int,
               limits: tuple[int, int], *, mixed: bool = False) -> npt.NDArray[np.bool_]:
    """Tell of which channels saturating accumulators to `NARROW_BITS` bits changes an output.

    Outputs grow with accumulators: what the smallest and the largest make says it for all.

    Parameters
    ----------
    accumulators : (lowest, highest), int64, one a channel
        What they can reach, within 32 bits.
    multipliers, shifts : int64, one a channel
        Their scale.
    zero_point, limits : int
        Of the output; the smallest and the largest.
    mixed : bool
        Whether commands of some channels each may have either.

    Raises
    ------
    RefusedError
        When it does for one channel and another one's scale is 1 or more: wide accumulators are
        not shifted left.
    """
    def output(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        scaled: npt.NDArray[np.int64] = multiply_by_quantized_multiplier(
            values, multipliers, np.minimum(shifts, 0))
        return np.clip(scaled + zero_point, *limits)

    limit = 1 << (NARROW_BITS - 1)
    wide = np.zeros(multipliers.shape, np.bool_)
    for values in accumulators:
        wide |= (shifts <= 0) & (output(values) != output(np.clip(values, -limit, limit - 1)))
    left = np.flatnonzero(shifts > 0)
    if wide.any() and left.size and not mixed:
        needs = int(np.flatnonzero(wide)[0])
        reach = max(int(np.abs(values[needs])) for values in accumulators)
        raise RefusedError(f"the accumulator of channel {needs} may reach {reach} at a "
                           f"small scale, and the effective scale of channel {int(left[0])} is 1 "
                           "or more; one operator cannot have both")
    return wide


def check_shift(shifts: npt.NDArray[np.int64]) -> None:
    """Refuse effective scales beyond the hardware's."""
    wrong = np.flatnonzero(shifts > SHIFT_MAX)
    if wrong.size:
        channel = int(wrong[0])
        raise RefusedError(f"the effective scale of channel {channel} is 2**"
                           f"{int(shifts[channel]) - 1} or more, must be less than "
                           f"{1 << SHIFT_MAX}")


def check_right(shifts: npt.NDArray[np.int64]) -> None:
    """Refuse effective scales of 1 and more, for which wide accumulators would be shifted left."""
    wrong = np.flatnonzero(shifts > 0)
    if wrong.size:
        raise RefusedError(f"the effective scale of channel {int(wrong[0])} is 1 or more; of "
                           "16-bit activations it must be less")


def check_bound(bound: npt.NDArray[np.int64], what: str) -> None:
    """Refuse magnitudes, one a channel, that do not fit an accumulator."""
    wrong = np.flatnonzero(bound >= _ACC_LIMIT)
    if wrong.size:
        channel = int(wrong[0])
        raise RefusedError(f"{what} {channel} may reach {int(bound[channel])}, must be less than "
                           f"2**{ACC_BITS - 1}")
