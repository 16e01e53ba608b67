"""Custom operators that are built-in ones under another name."""

import struct

import numpy as np

from hadron.quantize.tflite_file import TfliteFile

__all__ = ["replace_customs"]


def replace_customs(file: TfliteFile) -> bool:
    """Put TRANSPOSE_CONV for MediaPipe's Convolution2DTransposeBias; tell whether there was one.

    It has the input, the weights and the bias as inputs, and TensorFlow Lite's structure for
    options: padding (1: SAME, 2: VALID), stride of columns, stride of rows, 32 bits each.

    Source: mediapipe/util/tflite/operations/transpose_conv_bias.cc.
    """
    graph, schema = file.graph, file.schema
    found = False
    for place, operator in enumerate(graph.operators):
        raw = b"" if operator.customOptions is None else bytes(operator.customOptions)
        if (file.kind(operator) != "CUSTOM (Convolution2DTransposeBias)"
                or len(operator.inputs) != 3 or len(raw) < 12):
            continue
        found = True
        padding, stride_x, stride_y = struct.unpack("<3i", raw[:12])
        output = operator.outputs[0]
        shape = file.add_tensor(f"{file.name(output)} (shape)", (4,), "INT32",
                                data=np.array(file.shape(output), np.int32))
        x, weights, bias = operator.inputs
        made = file.new_operator("TRANSPOSE_CONV", [shape, weights, x, bias], [output])
        made.builtinOptionsType = schema.BuiltinOptions.TransposeConvOptions
        made.builtinOptions = schema.TransposeConvOptionsT()
        made.builtinOptions.padding = (schema.Padding.SAME if padding == 1
                                       else schema.Padding.VALID)
        made.builtinOptions.strideW, made.builtinOptions.strideH = stride_x, stride_y
        graph.operators[place] = made
    return found
