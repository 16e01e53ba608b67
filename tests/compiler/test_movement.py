"""Operators that move bytes: what the random models of one operator do not show."""

import numpy as np
import pytest

from hadron_compiler import UnsupportedError, compile_model
from hadron_compiler.codegen.progressions import Progression, fill_runs, progressions
from hadron_compiler.ir.graph import FILL
from hadron_model import operators
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS, Layers
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor


def integers(builder: ModelBuilder, *values: object) -> Tensor:
    return builder.constant(np.asarray(values, np.int32))


def like(builder: ModelBuilder, x: Tensor, *shape: int) -> Tensor:
    return builder.tensor(shape, x.scale, x.zero_point)


def test_progressions_cover_every_offset_once(rng: np.random.Generator) -> None:
    for _ in range(50):
        offsets = rng.integers(-9, 9, int(rng.integers(1, 40)))
        offsets[rng.random(offsets.size) < 0.2] = FILL
        covered = np.full(offsets.size, FILL, np.int64)
        for part in progressions(offsets):
            index = part.first + part.step * np.arange(part.count)
            assert (covered[index] == FILL).all()
            covered[index] = part.offset + part.offset_step * np.arange(part.count)
        np.testing.assert_array_equal(covered, offsets)
        filled = [i for first, count in fill_runs(offsets) for i in range(first, first + count)]
        assert filled == np.flatnonzero(offsets == FILL).tolist()


def test_repeated_rows_take_a_progression_for_each_repetition() -> None:
    assert progressions(np.repeat(np.arange(0, 70, 7), 3)) == [
        Progression(10, first, 3, 0, 7) for first in range(3)]


def test_space_to_batch_pads_with_the_zero_point(rng: np.random.Generator) -> None:
    """TensorFlow Lite fills with the zero point; TensorFlow Lite Micro's number is not set."""
    builder = ModelBuilder()
    x = builder.input((1, 6, 7, 5), 0.1, -3)
    y = like(builder, x, 6, 4, 3, 5)
    builder.operator("SPACE_TO_BATCH_ND", [x, integers(builder, 2, 3),
                                           integers(builder, [1, 1], [0, 2])], [y])
    model = builder.finish([y])
    value = rng.integers(-128, 128, x.shape).astype(np.int8)
    expected = operators.space_to_batch_nd(value, (2, 3), ((1, 1), (0, 2)), -3)
    for config in CONFIGS.values():
        (got,), result = run_program(compile_model(model, config), [value])
        assert result.ok
        assert not result.hazards
        np.testing.assert_array_equal(got, expected)


def test_lines_are_cut_into_batches_and_joined(rng: np.random.Generator) -> None:
    """As around a dilated convolution of lines."""
    builder = ModelBuilder()
    x = builder.input((2, 14, 5), 0.1, -3)
    parts = like(builder, x, 6, 5, 5)
    builder.operator("SPACE_TO_BATCH_ND", [x, integers(builder, 3), integers(builder, [1, 0])],
                     [parts])
    y = like(builder, x, 2, 12, 5)
    builder.operator("BATCH_TO_SPACE_ND", [parts, integers(builder, 3),
                                           integers(builder, [1, 2])], [y])
    value = rng.integers(-128, 128, x.shape).astype(np.int8)
    (got,), result = run_program(compile_model(builder.finish([y]), CONFIGS["h64"]), [value])
    assert result.ok
    np.testing.assert_array_equal(got, value[:, :12])
    (batches,), result = run_program(compile_model(builder.finish([parts]), CONFIGS["h64"]),
                                     [value])
    lines = np.pad(value, ((0, 0), (1, 0), (0, 0)), constant_values=-3)
    np.testing.assert_array_equal(
        batches, lines.reshape(2, 5, 3, 5).transpose(2, 0, 1, 3).reshape(6, 5, 5))


def _upsample(layers: Layers) -> Tensor:
    builder, x = layers.builder, layers.inputs[0]
    _, height, width, channels = x.shape
    y = like(builder, x, 1, 2 * height, 2 * width, channels)
    builder.operator("RESIZE_NEAREST_NEIGHBOR",
                     [x, integers(builder, 2 * height, 2 * width)], [y],
                     "ResizeNearestNeighbor", halfPixelCenters=True)
    return layers.conv(y, 5, (3, 3))


def _shuffle(layers: Layers) -> Tensor:
    return layers.depthwise(layers.builder.shuffle(layers.inputs[0]), (3, 3))


def _halves(layers: Layers) -> Tensor:
    builder, x = layers.builder, layers.inputs[0]
    return builder.concatenation(builder.split(x)[::-1], x.scale, x.zero_point, axis=3)


def _mirror(layers: Layers) -> Tensor:
    builder, x = layers.builder, layers.inputs[0]
    _, height, width, channels = x.shape
    y = like(builder, x, 1, height + 6, width + 6, channels)
    builder.operator("MIRROR_PAD", [x, integers(builder, [0, 0], [3, 3], [3, 3], [0, 0])], [y],
                     "MirrorPad", mode=0)
    return y


@pytest.mark.parametrize("config", [CONFIGS["h64"], CONFIGS["h256"], SMALL_CONFIGS["narrow"]],
                         ids=lambda config: config.name)
@pytest.mark.parametrize("make", [_upsample, _shuffle, _halves, _mirror],
                         ids=lambda make: make.__name__[1:])
def test_tensors_beyond_the_scratchpad(make, config, rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 70, 66, 24 if config.name != "h256" else 40))
    y = make(layers)
    model = layers.builder.finish([y])
    value = rng.integers(-128, 128, layers.inputs[0].shape).astype(np.int8)
    expected, = oracle.run(model, [value], arena=32 << 20)
    (got,), result = run_program(compile_model(model, config), [value])
    assert result.ok, (result.error, result.detail)
    assert not result.hazards
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("config", [CONFIGS["h64"], CONFIGS["h256"], SMALL_CONFIGS["narrow"]],
                         ids=lambda config: config.name)
@pytest.mark.parametrize(("shape", "order"), [
    ((1, 3, 224, 224), (0, 2, 3, 1)),  # as PyTorch's pictures come
    ((2, 61, 67, 33), (0, 3, 1, 2)),
    ((401, 517), (1, 0)),
    ((3, 40, 50, 37), (0, 2, 1, 3)),
], ids=str)
def test_transposes_what_does_not_fit(shape, order, config, rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x = builder.input(shape, 0.1, 0)
    y = like(builder, x, *(shape[axis] for axis in order))
    builder.operator("TRANSPOSE", [x, integers(builder, *order)], [y])
    values = rng.integers(-128, 128, shape).astype(np.int8)
    (got,), result = run_program(compile_model(builder.finish([y]), config), [values])
    assert result.ok, (result.error, result.detail, result.hazards[:3])
    np.testing.assert_array_equal(got, values.transpose(order))


def test_channels_that_come_first_take_a_step_a_row() -> None:
    """As a product, sixteen bytes at once, and not one by one."""
    builder = ModelBuilder()
    x = builder.input((1, 3, 96, 96), 0.1, 0)
    y = like(builder, x, 1, 96, 96, 3)
    builder.operator("TRANSPOSE", [x, integers(builder, 0, 2, 3, 1)], [y])
    assert compile_model(builder.finish([y]), CONFIGS["h256"]).cycles < 96 * 96 * 3 // 3


@pytest.mark.parametrize("config", [CONFIGS["h64"], CONFIGS["h256"]], ids=lambda c: c.name)
def test_transposes_between_layers(config, rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 3, 100, 90))
    builder, x = layers.builder, layers.inputs[0]
    y = like(builder, x, 1, 100, 90, 3)
    builder.operator("TRANSPOSE", [x, integers(builder, 0, 2, 3, 1)], [y])
    y = layers.conv(y, 20, (3, 3))
    z = like(builder, y, 1, 20, 100, 90)
    builder.operator("TRANSPOSE", [y, integers(builder, 0, 3, 1, 2)], [z])
    model = builder.finish([layers.conv(z, 4, (3, 3), stride=(2, 2))])
    values = rng.integers(-128, 128, x.shape).astype(np.int8)
    (got,), result = run_program(compile_model(model, config), [values])
    assert result.ok, (result.error, result.detail, result.hazards[:3])
    np.testing.assert_array_equal(got, oracle.run(model, [values])[0])


@pytest.mark.parametrize("config", [CONFIGS["h64"], CONFIGS["h256"]], ids=lambda c: c.name)
def test_attention(config, rng: np.random.Generator) -> None:
    """Scores of queries and keys, softmax, and their product with the values."""
    layers = Layers(rng, (1, 1, 12, 20))
    builder, x = layers.builder, layers.inputs[0]
    query, key, value = (layers.conv(x, 24, (1, 1)) for _ in range(3))

    def heads(tensor: Tensor) -> Tensor:
        split = builder.reshape(tensor, (12, 3, 8))
        turned = like(builder, tensor, 3, 12, 8)
        builder.operator("TRANSPOSE", [split, integers(builder, 1, 0, 2)], [turned])
        return turned

    scores = builder.tensor((3, 12, 12), query.scale * key.scale * 150, 3)
    builder.operator("BATCH_MATMUL", [heads(query), heads(key)], [scores], "BatchMatMul",
                     adjX=False, adjY=True)
    weights = builder.softmax(scores, beta=min(1.0, 3 / (60 * scores.scale)))
    mixed = builder.tensor((3, 12, 8), value.scale * 0.7, -2)
    builder.operator("BATCH_MATMUL", [weights, heads(value)], [mixed], "BatchMatMul",
                     adjX=False, adjY=False)
    model = builder.finish([scores, mixed])
    data = rng.integers(-128, 128, x.shape).astype(np.int8)
    expected = oracle.run(model, [data], outputs=2)
    got, result = run_program(compile_model(model, config), [data])
    assert result.ok, (result.error, result.detail)
    assert not result.hazards
    for array, wanted in zip(got, expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


def test_a_bilinear_resize_of_one_pixel_repeats_it(rng: np.random.Generator) -> None:
    """As behind the pooled branch of DeepLab: a movement, no weights."""
    builder = ModelBuilder()
    x = builder.input((1, 1, 1, 20), 0.1, 3)
    out = like(builder, x, 1, 9, 13, 20)
    builder.operator("RESIZE_BILINEAR", [x, integers(builder, 9, 13)], [out], "ResizeBilinear",
                     alignCorners=True)
    model = builder.finish([out])
    program = compile_model(model, CONFIGS["h64"])
    assert not any(layer.bytes_loaded > 32 for layer in program.layers)
    values = rng.integers(-128, 128, x.shape).astype(np.int8)
    got, result = run_program(program, [values])
    assert result.ok
    np.testing.assert_array_equal(got[0], oracle.run(model, [values])[0])


def test_products_of_matrices_that_do_not_fit(rng: np.random.Generator) -> None:
    """Rows of the first one come and go; as attention over many places needs it."""
    builder = ModelBuilder()
    a, b = builder.input((2, 200, 256), 0.05, 3), builder.input((2, 256, 16), 0.05, -7)
    out = builder.tensor((2, 200, 16), 0.5, 1)
    builder.operator("BATCH_MATMUL", [a, b], [out], "BatchMatMul")
    model = builder.finish([out])
    inputs = [rng.integers(-128, 128, x.shape).astype(np.int8) for x in (a, b)]
    got, result = run_program(compile_model(model, CONFIGS["h64"]), inputs)
    assert result.ok
    np.testing.assert_array_equal(got[0], oracle.run(model, inputs)[0])


def test_tile_repeats_each_axis(rng: np.random.Generator) -> None:
    """TensorFlow Lite Micro has none."""
    builder = ModelBuilder()
    x = builder.input((1, 3, 5, 20), 0.1, 3)
    out = like(builder, x, 2, 9, 5, 40)
    builder.operator("TILE", [x, integers(builder, 2, 3, 1, 2)], [out])
    program = compile_model(builder.finish([out]), CONFIGS["h64"])
    values = rng.integers(-128, 128, x.shape).astype(np.int8)
    got, result = run_program(program, [values])
    assert result.ok
    np.testing.assert_array_equal(got[0], np.tile(values, (2, 3, 1, 2)))


def test_refuses_to_tile_to_another_shape() -> None:
    builder = ModelBuilder()
    x = builder.input((2, 3), 0.1, 3, name="x")
    out = like(builder, x, 2, 7)
    builder.operator("TILE", [x, integers(builder, 1, 2)], [out])
    with pytest.raises(UnsupportedError, match="must be"):
        compile_model(builder.finish([out]), CONFIGS["h64"], name="net.tflite")
