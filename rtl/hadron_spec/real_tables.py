"""Tables of functions of real numbers: what an operator does that only says so."""

import math
from collections.abc import Callable

from hadron_spec.tflite_tables import Quantization

__all__ = ["REAL_FUNCTIONS", "real_table"]


def _sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _gelu_by_tanh(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


REAL_FUNCTIONS: dict[str, Callable[[float, float, float], float]] = {
    "Abs": lambda x, alpha, beta: abs(x),
    "Celu": lambda x, alpha, beta: x if x >= 0 else alpha * math.expm1(x / alpha),
    "Elu": lambda x, alpha, beta: x if x >= 0 else alpha * math.expm1(x),
    "Erf": lambda x, alpha, beta: math.erf(x),
    "Exp": lambda x, alpha, beta: math.exp(x) if x < 700 else math.inf,
    "Gelu": lambda x, alpha, beta: 0.5 * x * math.erfc(-x * math.sqrt(0.5)),
    "Gelu tanh": lambda x, alpha, beta: _gelu_by_tanh(x),
    "HardSigmoid": lambda x, alpha, beta: max(0.0, min(1.0, alpha * x + beta)),
    "HardSwish": lambda x, alpha, beta: x * max(0.0, min(1.0, x / 6 + 0.5)),
    "LeakyRelu": lambda x, alpha, beta: x if x >= 0 else alpha * x,
    "Log": lambda x, alpha, beta: math.log(x) if x > 0 else -math.inf if x == 0 else math.nan,
    "Mish": lambda x, alpha, beta: x * math.tanh(_softplus(x)),
    "Neg": lambda x, alpha, beta: -x,
    "Reciprocal": lambda x, alpha, beta: 1 / x if x else math.nan,
    "Relu": lambda x, alpha, beta: max(0.0, x),
    "Sigmoid": lambda x, alpha, beta: _sigmoid(x),
    "Softplus": lambda x, alpha, beta: _softplus(x),
    "Softsign": lambda x, alpha, beta: x / (1 + abs(x)),
    "Sqrt": lambda x, alpha, beta: math.sqrt(x) if x >= 0 else math.nan,
    "Swish": lambda x, alpha, beta: x * _sigmoid(alpha * x),
    "Tanh": lambda x, alpha, beta: math.tanh(x),
}
"""Functions of x, alpha and beta by their ONNX names. Source: onnx.ai/onnx/operators."""


def real_table(x: Quantization, y: Quantization, function: Callable[[float], float]) -> list[int]:
    """Return the outputs of the inputs -128 to 127: the nearest integers, halves to even; the zero
    point where the function is not a number."""
    def output(value: float) -> int:
        if math.isnan(value):
            return y[1]
        return min(max(round(min(max(value / y[0], -1e9), 1e9)) + y[1], -128), 127)

    return [output(function((i - x[1]) * x[0])) for i in range(-128, 128)]
