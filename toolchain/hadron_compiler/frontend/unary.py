"""Operators of one operand, element by element: each is a table of 256 entries."""

from collections.abc import Callable
from typing import Any

from hadron_compiler.frontend.checker import Checker
from hadron_compiler.ir.graph import (
    ClampAttributes,
    LinesAttributes,
    OpKind,
    RescaleAttributes,
    TableAttributes,
    TwoLinesAttributes,
)
from hadron_model.operators.deep_lines import logistic_lines, tanh_lines
from hadron_spec import tflite_tables
from hadron_spec.tflite_quantization import QuantizationError, activation_range, float32
from hadron_spec.tflite_tables import Quantization, leaky_slope

__all__ = ["UNARY"]

Table = Callable[[Checker, Quantization, Quantization], list[int]]


def _table(text: str, make: Table) -> Callable[[Checker], Any]:
    """Return an importer; `text` is its docstring."""
    def importer(check: Checker) -> Any:
        source, output = check.operation.required(0), check.operation.outputs[0]
        if not check.output_shape(source.shape):
            return None
        try:
            if source.deep or output.deep:
                return _deep(check)
            table = make(check, (source.scale, source.zero_point),
                         (output.scale, output.zero_point))
        except QuantizationError as error:
            check.require(False, str(error))
            return None
        return TableAttributes(tuple(table))
    importer.__doc__ = text
    return importer


def _deep(check: Checker) -> Any:
    kind, source, output = (check.operation.kind, check.operation.required(0),
                            check.operation.outputs[0])
    if kind is OpKind.QUANTIZE:
        return RescaleAttributes()
    check.same_type()
    if kind is OpKind.RELU:
        return RescaleAttributes(positive=True)
    if kind in (OpKind.LOGISTIC, OpKind.TANH):
        lines = logistic_lines if kind is OpKind.LOGISTIC else tanh_lines
        return LinesAttributes(lines(source.scale, output.scale))
    ratio = float32(source.scale) / float32(output.scale)
    if kind is OpKind.ABS:
        return TwoLinesAttributes(ratio, ratio, mirrored=True)
    if kind is OpKind.LEAKY_RELU:
        alpha = check.options["Alpha"]
        check.require(alpha >= 0, f"slope {alpha:.4g} is negative; of 16 bits it must not be")
        return TwoLinesAttributes(ratio, leaky_slope(source.scale, output.scale, alpha))
    check.same_quantization()
    return ClampAttributes(*activation_range("RELU6", output.scale, 0, bits=16))


def _relu(activation: str) -> Table:
    return lambda check, x, y: tflite_tables.relu_table(activation, x, y)


UNARY: dict[OpKind, Callable[[Checker], Any]] = {
    OpKind.RELU: _table("RELU: any.", _relu("RELU")),
    OpKind.RELU6: _table("RELU6: any; rescales as TensorFlow Lite does and its Micro does not.",
                         _relu("RELU6")),
    OpKind.RELU_N1_TO_1: _table("RELU_N1_TO_1: any.", _relu("RELU_N1_TO_1")),
    OpKind.LEAKY_RELU: _table(
        "LEAKY_RELU: any slope; of 16 bits, none below zero.",
        lambda check, x, y: tflite_tables.leaky_relu_table(x, y, check.options["Alpha"])),
    OpKind.ELU: _table("ELU: any.", lambda check, x, y: tflite_tables.elu_table(x, y)),
    OpKind.GELU: _table("GELU: by the error function or by tanh.", lambda check, x, y:
                        tflite_tables.gelu_table(
                            x, y, approximate=bool(check.option("Approximate")))),
    OpKind.HARD_SWISH: _table("HARD_SWISH: an output scale of 1/128 of the input's or more.",
                              lambda check, x, y: tflite_tables.hard_swish_table(x, y)),
    OpKind.LOGISTIC: _table("LOGISTIC: output scale 1/256, zero point -128; of 16 bits, 1/32768.",
                            lambda check, x, y: tflite_tables.logistic_table(x, y)),
    OpKind.TANH: _table("TANH: output scale 1/128, zero point 0; of 16 bits, 1/32768.",
                        lambda check, x, y: tflite_tables.tanh_table(x, y)),
    OpKind.ABS: _table("ABS: any.", lambda check, x, y: tflite_tables.abs_table(x, y)),
    OpKind.EXP: _table("EXP: any.", lambda check, x, y: tflite_tables.exp_table(x, y)),
    OpKind.LOG: _table("LOG: any.", lambda check, x, y: tflite_tables.log_table(x, y)),
    OpKind.RSQRT: _table("RSQRT: any.", lambda check, x, y: tflite_tables.rsqrt_table(x, y)),
    OpKind.QUANTIZE: _table("QUANTIZE: between INT8 and INT16, of any scale and zero point.",
                            lambda check, x, y: tflite_tables.requantize_table(x, y)),
}
"""Importers by operator."""
