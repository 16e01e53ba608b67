"""Tables of operators of one operand, all 256 entries, against TensorFlow Lite Micro."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from hadron_spec import tflite_tables
from hadron_spec.tflite_quantization import QuantizationError
from hadron_testing import oracle
from hadron_testing.draws import choose, draw_scale, draw_zero_point
from hadron_testing.tflite_builder import ModelBuilder

ALL = np.arange(-128, 128).astype(np.int8)

Quantization = tuple[float, int]


def reference(opcode: str, x: Quantization, y: Quantization, options: str | None,
              **values: object) -> list[int]:
    builder = ModelBuilder()
    output = builder.unary(opcode, builder.input((1, 256), *x), *y, options, **values)
    return oracle.run(builder.finish([output]), [ALL.reshape(1, 256)])[0].ravel().tolist()


def draw(rng: np.random.Generator) -> tuple[Quantization, Quantization]:
    return ((draw_scale(rng, 1e-3, 0.5), draw_zero_point(rng)),
            (draw_scale(rng, 1e-3, 0.5), draw_zero_point(rng)))


TABLES: dict[str, tuple[Callable[..., list[int]], str | None]] = {
    "RELU": (lambda x, y: tflite_tables.relu_table("RELU", x, y), None),
    "ABS": (tflite_tables.abs_table, None),
    "ELU": (tflite_tables.elu_table, None),
    "QUANTIZE": (tflite_tables.requantize_table, "Quantize"),
}


@pytest.mark.parametrize("opcode", TABLES)
def test_any_two_quantizations(opcode: str, rng: np.random.Generator) -> None:
    table, options = TABLES[opcode]
    for _ in range(40):
        x, y = draw(rng)
        if rng.random() < 0.3:
            y = (x[0], y[1])
        assert table(x, y) == reference(opcode, x, y, options), (x, y)


def test_relu6_of_one_quantization(rng: np.random.Generator) -> None:
    for _ in range(40):
        x, _ = draw(rng)
        assert tflite_tables.relu_table("RELU6", x, x) == reference("RELU6", x, x, None)


def test_bounded_activations_rescale() -> None:
    """As TensorFlow Lite does; TensorFlow Lite Micro has no such kernel."""
    table = tflite_tables.relu_table("RELU_N1_TO_1", (1 / 64, 0), (1 / 32, -80))
    assert table[128 - 128] == -80 - 32
    assert table[128 + 32] == -80 + 16
    assert table[128 + 127] == -80 + 32


def test_leaky_relu(rng: np.random.Generator) -> None:
    for _ in range(40):
        x, y = draw(rng)
        alpha = float(np.float32(choose(rng, (0.01, 0.1, 0.3, rng.uniform(-1, 2)))))
        assert tflite_tables.leaky_relu_table(x, y, alpha) == reference(
            "LEAKY_RELU", x, y, "LeakyRelu", alpha=alpha), (x, y, alpha)


def test_quotients_of_scales_that_are_close_to_halves(rng: np.random.Generator) -> None:
    """The last bit of the quotient decides which way an output is rounded."""
    for _ in range(40):
        value, wanted = int(rng.integers(60, 128)), int(rng.integers(10, 110))
        y = (draw_scale(rng, 1e-3, 0.1), 0)
        x = (float(np.float32(y[0] * (wanted + 0.5) / value)), 0)
        assert tflite_tables.abs_table(x, y) == reference("ABS", x, y, None), (x, y)
        assert tflite_tables.leaky_relu_table(x, y, 0.5) == reference(
            "LEAKY_RELU", x, y, "LeakyRelu", alpha=0.5), (x, y)


@pytest.mark.parametrize(("opcode", "table", "y"), [
    ("LOGISTIC", tflite_tables.logistic_table, (1 / 256, -128)),
    ("TANH", tflite_tables.tanh_table, (1 / 128, 0))])
def test_sigmoids(opcode: str, table: Callable[..., list[int]], y: Quantization,
                  rng: np.random.Generator) -> None:
    for _ in range(60):
        x = (draw_scale(rng, 1e-4, 1.0), draw_zero_point(rng))
        assert table(x, y) == reference(opcode, x, y, None), x


def test_a_sigmoid_of_another_scale_is_refused() -> None:
    with pytest.raises(QuantizationError) as caught:
        tflite_tables.tanh_table((0.1, 0), (0.5, 3))
    assert str(caught.value) == "output scale 0.5 and zero point 3, must be 1/128 and 0"


def test_hard_swish(rng: np.random.Generator) -> None:
    for _ in range(60):
        x, y = draw(rng)
        y = (max(y[0], x[0] / 100), y[1])
        assert tflite_tables.hard_swish_table(x, y) == reference("HARD_SWISH", x, y, None), (x, y)


def test_a_hard_swish_of_a_small_scale_is_refused() -> None:
    with pytest.raises(QuantizationError) as caught:
        tflite_tables.hard_swish_table((1.0, 0), (1 / 256, 0))
    assert str(caught.value) == (
        "output scale 0.00390625 is too small for an input of scale 1.0")


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_is_within_one_of_the_real_function(approximate: bool,
                                                 rng: np.random.Generator) -> None:
    """TensorFlow Lite Micro has no GELU: compare with the definition, and its limits exactly."""
    x, y = (6 / 128, 0), (6 / 128, 0)
    table = tflite_tables.gelu_table(x, y, approximate=approximate)
    for i, entry in zip(range(-128, 128), table, strict=True):
        real = i * x[0]
        wanted = real * (1 + math.erf(real / math.sqrt(2))) / 2 / y[0]
        assert abs(entry - wanted) <= 0.5 + 0.011 * approximate
    assert table[0] == table[128] == 0
    assert table[255] == 127


@pytest.mark.parametrize(("table", "function"), [
    (tflite_tables.exp_table, math.exp), (tflite_tables.log_table, math.log)])
def test_exponentials_and_logarithms_are_the_nearest(table, function) -> None:
    """TensorFlow Lite Micro has neither of INT8."""
    x, y = (3 / 128, -60), (1 / 30, -40)
    for i, entry in zip(range(-128, 128), table(x, y), strict=True):
        real = x[0] * (i - x[1])
        if function is math.log and real <= 0:
            assert entry == -128
        else:
            assert abs(entry - min(max(function(real) / y[0] + y[1], -128), 127)) <= 0.5001


def test_numbers_become_the_nearest_integers() -> None:
    y = (0.5, 3)
    assert tflite_tables.dequantized(y)[128:131] == [-1.5, -1.0, -0.5]
    assert tflite_tables.quantized([0.25, -0.25, 0.2, 1e30, -math.inf, math.nan], y) == [
        4, 2, 3, 127, -128, -128]
