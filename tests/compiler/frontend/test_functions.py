"""Real functions of one INT8 tensor, against TensorFlow Lite Micro in single precision."""

from collections.abc import Callable

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_compiler.frontend.tflite import import_tflite
from hadron_compiler.ir.graph import TableAttributes
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor

SHAPE = (1, 16, 16, 1)


class Reals(ModelBuilder):
    """A builder of what is between DEQUANTIZE and QUANTIZE."""

    def real(self, opcode: str, *inputs: Tensor, table: str | None = None, **options) -> Tensor:
        out = self.tensor(SHAPE, dtype="float32")
        self.operator(opcode, inputs, [out], table, **options)
        return out

    def number(self, value: float) -> Tensor:
        return self.constant(np.array(value, np.float32))

    def sum(self, x: Tensor, y: Tensor) -> Tensor:
        return self.real("ADD", x, y, table="Add")

    def product(self, x: Tensor, y: Tensor, activation: int = 0) -> Tensor:
        return self.real("MUL", x, y, table="Mul", fusedActivationFunction=activation)


def softplus(net: Reals, x: Tensor) -> Tensor:
    return net.real("LOG", net.sum(net.real("EXP", x, table="Exp"), net.number(1)))


def mish(net: Reals, x: Tensor) -> Tensor:
    return net.product(x, net.real("TANH", softplus(net, x)))


FUNCTIONS: dict[str, Callable[[Reals, Tensor], Tensor]] = {
    "elu": lambda net, x: net.real("ELU", x),
    "square": lambda net, x: net.real("SQUARE", x, table="Square"),
    "negated": lambda net, x: net.real("NEG", x, table="Neg"),
    "magnitude": lambda net, x: net.real("ABS", x, table="Abs"),
    "floor": lambda net, x: net.real("FLOOR", x),
    "ceiling": lambda net, x: net.real("CEIL", x),
    "rounded": lambda net, x: net.real("ROUND", x),
    "sine": lambda net, x: net.real("SIN", x),
    "cosine": lambda net, x: net.real("COS", x),
    "sigmoid": lambda net, x: net.real("LOGISTIC", x),
    "root": lambda net, x: net.real("SQRT", net.real("ABS", x, table="Abs")),
    "inverse root": lambda net, x: net.real(
        "RSQRT", net.sum(net.real("SQUARE", x, table="Square"), net.number(0.25))),
    "reciprocal": lambda net, x: net.real("DIV", net.number(1), net.sum(
        net.real("ABS", x, table="Abs"), net.number(0.5)), table="Div"),
    "difference": lambda net, x: net.real("SUB", net.number(0.3), x, table="Sub"),
    "greater": lambda net, x: net.real("MAXIMUM", x, net.number(-0.7), table="MaximumMinimum"),
    "hard sigmoid": lambda net, x: net.product(net.sum(x, net.number(3)), net.number(1 / 6), 3),
    "hard swish": lambda net, x: net.real("HARD_SWISH", x, table="HardSwish"),
    "softplus": softplus,
    "mish": mish,
}


def made(name: str, scale: float = 0.05, zero_point: int = 9) -> bytes:
    net = Reals()
    x = net.input(SHAPE, scale, zero_point)
    real = net.tensor(SHAPE, dtype="float32")
    net.operator("DEQUANTIZE", [x], [real], "Dequantize")
    out = net.tensor(SHAPE, 0.031, -20)
    net.operator("QUANTIZE", [FUNCTIONS[name](net, real)], [out], "Quantize")
    return net.finish([out])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_real_function_becomes_a_table(name: str) -> None:
    model = made(name)
    operations = import_tflite("m", model).operations
    assert [type(operation.attributes) for operation in operations] == [TableAttributes]
    program = compile_model(model, CONFIGS["h64"])
    x = np.arange(-128, 128, dtype=np.int8).reshape(SHAPE)
    got, result = run_program(program, [x])
    assert result.ok
    assert not program.host
    np.testing.assert_array_equal(got[0], oracle.run(model, [x])[0])


def test_what_others_read_of_a_function_stays() -> None:
    """A network output of real numbers is left to the host as before, beside the table."""
    net = Reals()
    x = net.input(SHAPE, 0.05, 9)
    y = net.unary("RELU", x, 0.05, 9)
    real = net.tensor(SHAPE, dtype="float32")
    net.operator("DEQUANTIZE", [y], [real], "Dequantize")
    out = net.tensor(SHAPE, 0.031, -20)
    net.operator("QUANTIZE", [mish(net, real)], [out], "Quantize")
    graph = import_tflite("m", net.finish([out, real]))
    assert [edge.op for edge in graph.host] == ["DEQUANTIZE #1"]
    assert [tensor.name for tensor in graph.outputs] == [out.name, y.name]


def test_functions_of_two_tensors_are_none() -> None:
    net = Reals()
    inputs = [net.input(SHAPE, 0.05, 9) for _ in range(2)]
    reals = [net.tensor(SHAPE, dtype="float32") for _ in range(2)]
    for x, real in zip(inputs, reals, strict=True):
        net.operator("DEQUANTIZE", [x], [real], "Dequantize")
    out = net.tensor(SHAPE, 0.031, -20)
    net.operator("QUANTIZE", [net.product(*reals)], [out], "Quantize")
    with pytest.raises(Exception, match="FLOAT32"):
        import_tflite("m", net.finish([out]))
