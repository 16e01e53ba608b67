"""The softmax rules of `hadron_spec.numerics` against TensorFlow Lite Micro's kernel."""

import flatbuffers
import numpy as np
import pytest

from hadron_spec import numerics

runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
schema = pytest.importorskip("tflite_micro.tensorflow.lite.micro.python.schema_py_generated")


def _softmax_model(shape: tuple[int, int], scale: float, beta: float) -> bytes:
    """Build a model of one INT8 SOFTMAX."""
    tensors = []
    for index, (name, tensor_scale, zero_point) in enumerate(
            (("x", scale, 0), ("y", 1 / 256, -128))):
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), schema.TensorType.INT8, index + 1
        tensor.name = name
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [tensor_scale], [zero_point]
        tensors.append(tensor)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SOFTMAX
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0], [1]
    operator.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
    operator.builtinOptions = schema.SoftmaxOptionsT()
    operator.builtinOptions.beta = beta
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs = tensors, [0], [1]
    graph.operators = [operator]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT() for _ in range(3)]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _reference(x: np.ndarray, scale: float, beta: float) -> np.ndarray:
    interpreter = runtime.Interpreter.from_bytes(
        _softmax_model(x.shape, scale, beta), arena_size=1 << 16)
    interpreter.set_input(x, 0)
    interpreter.invoke()
    return interpreter.get_output(0)


def _exp_and_total(x: np.ndarray, scale: float, beta: float) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(
        numerics.softmax_table(float(np.float32(scale)) * float(np.float32(beta))), np.int64)
    wide = x.astype(np.int64)
    exp = table[wide - wide.max(axis=-1, keepdims=True) + 255]
    return exp, numerics.softmax_sum_term(exp).sum(axis=-1, keepdims=True)


def test_matches_tflm_for_random_rows(rng):
    compared = 0
    for _ in range(300):
        classes = int(rng.choice([1, 2, 3, 10, 1000, rng.integers(2, 1001)]))
        scale = float(np.exp(rng.uniform(np.log(1e-6), np.log(3.0))))
        beta = float(rng.choice([1.0, 0.5, 1.7]))
        x = rng.integers(-128, 128, (3, classes))
        match rng.integers(3):
            case 0:
                x = np.full_like(x, x[0, 0])
            case 1:
                x = np.clip(rng.normal(0, 5, x.shape), -128, 127)
        x = x.astype(np.int8)
        exp, total = _exp_and_total(x, scale, beta)
        if (total >= 512 << 19).any():
            continue  # TFLM asserts: its last shift would be 32 or more
        ours = numerics.softmax_output(exp, *numerics.softmax_reciprocal(total))
        np.testing.assert_array_equal(ours, _reference(x, scale, beta), f"{scale=} {beta=}")
        compared += x.size
    assert compared > 20_000


def test_large_sums_give_the_zero_point():
    total = 512 << 19
    assert numerics.softmax_output((1 << 31) - 1, *numerics.softmax_reciprocal(total)) == -128
    assert numerics.softmax_output((1 << 31) - 1, *numerics.softmax_reciprocal(total - 1)) == -127


def test_python_and_numpy_integers_agree(rng):
    totals = np.concatenate([rng.integers(1 << 19, 1 << 31, 200), 1 << np.arange(19, 31)])
    scales, bits = numerics.softmax_reciprocal(totals)
    for total, scale, bit in zip(totals.tolist(), scales.tolist(), bits.tolist(), strict=True):
        assert numerics.softmax_reciprocal(total) == (scale, bit)
        assert scale / 2 ** (31 + bit) == pytest.approx((1 << 19) / total, rel=1e-8)


def test_table_ends_with_one_and_starts_with_zero_where_out_of_range():
    table = numerics.softmax_table(1.0)
    assert table[255] == (1 << 31) - 1
    assert table[: 255 - 31] == [0] * (255 - 31)
    assert table == sorted(table)


@pytest.mark.parametrize("scale", [0.0, 2.0**-26, float("nan")])
def test_table_refuses_a_vanishing_scale(scale):
    with pytest.raises(ValueError, match=r"^softmax: beta times scale is .*, must be more than "):
        numerics.softmax_table(scale)
