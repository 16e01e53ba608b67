"""Tensor-level operators on integers, equal to TensorFlow Lite Micro's byte for byte.

Each takes NumPy arrays and the integer parameters that `hadron_spec.tflite_quantization` makes
from scales. Nothing here knows floating point, tiles or commands.
"""

from hadron_model.operators.add import add
from hadron_model.operators.concatenation import concatenation
from hadron_model.operators.convolution import conv2d, depthwise_conv2d, transpose_conv
from hadron_model.operators.deep import (
    deep_abs,
    deep_add,
    deep_conv2d,
    deep_depthwise_conv2d,
    deep_fully_connected,
    deep_leaky_relu,
    deep_mean,
    deep_mul,
    deep_transpose_conv,
    rescale,
)
from hadron_model.operators.deep_lines import deep_lines
from hadron_model.operators.deep_softmax import deep_softmax
from hadron_model.operators.extremum import maximum, minimum
from hadron_model.operators.fully_connected import (
    batch_matmul,
    fully_connected,
    fully_connected_float64,
)
from hadron_model.operators.movement import (
    broadcast_to,
    gather,
    mirror_pad,
    pack,
    pad,
    reverse_v2,
    slice_,
    split,
    strided_slice,
    transpose,
    unpack,
)
from hadron_model.operators.mul import mul
from hadron_model.operators.pooling import average_pool2d, max_pool2d
from hadron_model.operators.prelu import prelu
from hadron_model.operators.reduce import mean_or_sum, reduce_max, reduce_min
from hadron_model.operators.requantize import AccumulatorOverflowError
from hadron_model.operators.reshape import reshape
from hadron_model.operators.softmax import softmax
from hadron_model.operators.spatial import (
    batch_to_space_nd,
    depth_to_space,
    resize_bilinear,
    resize_nearest_neighbor,
    space_to_batch_nd,
    space_to_depth,
)
from hadron_model.operators.squared_difference import squared_difference
from hadron_model.operators.sub import sub
from hadron_model.operators.table import table

__all__ = [
    "AccumulatorOverflowError",
    "add",
    "average_pool2d",
    "batch_matmul",
    "batch_to_space_nd",
    "broadcast_to",
    "concatenation",
    "conv2d",
    "deep_abs",
    "deep_add",
    "deep_conv2d",
    "deep_depthwise_conv2d",
    "deep_fully_connected",
    "deep_leaky_relu",
    "deep_lines",
    "deep_mean",
    "deep_mul",
    "deep_softmax",
    "deep_transpose_conv",
    "depth_to_space",
    "depthwise_conv2d",
    "fully_connected",
    "fully_connected_float64",
    "gather",
    "max_pool2d",
    "maximum",
    "mean_or_sum",
    "minimum",
    "mirror_pad",
    "mul",
    "pack",
    "pad",
    "prelu",
    "reduce_max",
    "reduce_min",
    "rescale",
    "reshape",
    "resize_bilinear",
    "resize_nearest_neighbor",
    "reverse_v2",
    "slice_",
    "softmax",
    "space_to_batch_nd",
    "space_to_depth",
    "split",
    "squared_difference",
    "strided_slice",
    "sub",
    "table",
    "transpose",
    "transpose_conv",
    "unpack",
]
