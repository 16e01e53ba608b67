"""Tables of functions of real numbers: what an operator does that only says so."""

import math
from collections.abc import Callable

from hadron_spec.tflite_tables import Quantization

__all__ = ["REAL_FUNCTIONS", "real_table"]


def _sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))


REAL_FUNCTIONS: dict[str, Callable[[float, float, float], float]] = {
    "Abs": lambda x, alpha, beta: abs(x),
    "Elu": lambda x, alpha, beta: x if x >= 0 else alpha * math.expm1(x),
    "Gelu": lambda x, alpha, beta: 0.5 * x * math.erfc(-x * math.sqrt(0.5)),
    "HardSigmoid": lambda x, alpha, beta: max(0.0, min(1.0, alpha * x + beta)),
    "HardSwish": lambda x, alpha, beta: x * max(0.0, min(1.0, x / 6 + 0.5)),
    "LeakyRelu": lambda x, alpha, beta: x if x >= 0 else alpha * x,
    "Neg": lambda x, alpha, beta: -x,
    "Relu": lambda x, alpha, beta: max(0.0, x),
    "Sigmoid": lambda x, alpha, beta: _sigmoid(x),
    "Softplus": lambda x, alpha, beta: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "Tanh": lambda x, alpha, beta: math.tanh(x),
}
"""Functions of x, alpha and beta by their ONNX names. Source: onnx.ai/onnx/operators."""


def real_table(x: Quantization, y: Quantization, function: Callable[[float], float]) -> list[int]:
    """Return the outputs of the inputs -128 to 127: the nearest integers, halves to even."""
    return [min(max(round(function((i - x[1]) * x[0]) / y[0]) + y[1], -128), 127)
            for i in range(-128, 128)]
