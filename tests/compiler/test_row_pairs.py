"""Convolutions that read two kernel rows a step: fewer steps, the same bytes."""

import dataclasses

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_compiler.codegen.row_pairs import plan_row_pairs
from hadron_spec.commands import Opcode, iterate
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS, Layers
from hadron_testing.programs import run_program

H256 = CONFIGS["h256"]
ALL_CONFIGS = {"h256": H256} | {
    name: config for name, config in SMALL_CONFIGS.items() if config.row_pairs}


def _steps(program: object) -> int:
    """Return the steps of a result of the first MATRIX command."""
    commands = iterate(program.memory[:128 * program.command_count])
    first = next(command for command in commands if command["opcode"] == Opcode.MATRIX)
    return first["count_ky"] * first["count_kx"] * first["count_seg"]


def _check(model: bytes, inputs: list[np.ndarray], program: object) -> None:
    expected = oracle.run(model, inputs)
    got, result = run_program(program, inputs)
    assert result.ok, (result.error.name, result.detail, [str(h) for h in result.hazards[:3]])
    np.testing.assert_array_equal(got[0].ravel(), expected[0].ravel())


def _first_layer(rng: np.random.Generator, image: tuple[int, int, int], kernel: tuple[int, int],
                 **options: object) -> tuple[bytes, list[np.ndarray]]:
    layers = Layers(rng, (1, *image))
    model = layers.builder.finish([layers.conv(layers.inputs[0], 32, kernel, **options)])
    return model, [rng.integers(-128, 128, (1, *image)).astype(np.int8)]


@pytest.mark.parametrize(("image", "kernel", "rows", "pairs"), [
    ((9, 16, 3), (3, 3), 3, 2),
    ((7, 16, 1), (5, 5), 5, 3),
    ((8, 8, 4), (2, 2), 2, 1),
    ((8, 8, 2), (3, 5), 3, 2),
    # Three rows of twelve bytes are more than two steps; the row of 9 x 3 bytes is no whole beat.
    ((8, 8, 4), (3, 3), 3, 3),
    ((8, 9, 3), (3, 3), 3, 3),
])
def test_takes_the_fewest_steps(rng: np.random.Generator, image: tuple[int, int, int],
                                kernel: tuple[int, int], rows: int, pairs: int) -> None:
    model, inputs = _first_layer(rng, image, kernel, padding="SAME")
    program = compile_model(model, H256)
    assert _steps(program) == pairs
    assert _steps(compile_model(model, dataclasses.replace(H256, row_pairs=False))) == rows
    _check(model, inputs, program)


@pytest.mark.parametrize("config", ALL_CONFIGS)
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 3)])
def test_equals_the_oracle_at_all_borders(rng: np.random.Generator, config: str, padding: str,
                                          stride: tuple[int, int]) -> None:
    for _ in range(4):
        image = (int(rng.integers(3, 12)), 16 * int(rng.integers(1, 3)), int(rng.integers(1, 5)))
        kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 6)))
        model, inputs = _first_layer(rng, image, kernel, padding=padding, stride=stride)
        _check(model, inputs, compile_model(model, ALL_CONFIGS[config]))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("config", ["h256", "narrow"])
def test_inputs_in_bands_and_from_the_stream(rng: np.random.Generator, config: str,
                                             stream: bool) -> None:
    """The input of 48 KB fits one scratchpad and not the other, where a chain takes it in bands."""
    layers = Layers(rng, (1, 128, 128, 3))
    x = layers.conv(layers.inputs[0], 16, (3, 3), stride=(2, 2), padding="SAME")
    model = layers.builder.finish([layers.conv(x, 16, (1, 1), stride=(2, 2))])
    inputs = [rng.integers(-128, 128, (1, 128, 128, 3)).astype(np.int8)]
    program = compile_model(model, ALL_CONFIGS[config], stream_input=stream)
    without = dataclasses.replace(ALL_CONFIGS[config], row_pairs=False)
    assert program.cycles < compile_model(model, without, stream_input=stream).cycles
    _check(model, inputs, program)


def test_an_input_that_others_read_stays_dense(rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 16, 16, 3))
    x = layers.inputs[0]
    model = layers.builder.finish(
        [layers.conv(x, 16, (3, 3)), layers.conv(x, 16, (3, 3), stride=(2, 2))])
    program = compile_model(model, H256)
    assert _steps(program) == 3
    inputs = [rng.integers(-128, 128, (1, 16, 16, 3)).astype(np.int8)]
    _check(model, inputs, program)


def test_pairs_cover_all_bytes_of_a_kernel_once() -> None:
    for lanes in (16, 32):
        for rows in range(1, 8):
            for size in range(1, lanes + 1):
                pairs = plan_row_pairs(rows, size, lanes)
                if pairs is None:
                    continue
                assert pairs.steps < rows
                weights = np.arange(1, rows * size + 1).reshape(1, 1, rows, 1, size)
                lane_weights = pairs.arrange(weights.astype(np.int16), lanes)
                found = np.zeros((2 * rows + 2, lanes + size), int)
                for step in range(pairs.steps):
                    split = pairs.later if step else pairs.row_bytes
                    for lane in range(lanes):
                        # As the hardware reads: the row and the byte of it.
                        y, x = step * pairs.rows, step * pairs.ahead + lane
                        if lane >= split:
                            y, x = y + 1, x - pairs.row_bytes
                        weight = lane_weights[0, 0, 0, 0, step * lanes + lane]
                        if weight:
                            found[y, x] += weight
                assert np.array_equal(found[:rows, :size], weights[0, 0, :, 0])
                assert found.sum() == weights.sum()


@pytest.mark.parametrize("config", ALL_CONFIGS)
@pytest.mark.parametrize(("channels", "kernel"), [(8, 3), (20, 3), (12, 5), (8, 2)])
def test_a_first_layer_whose_output_is_joined(config: str, channels: int, kernel: int,
                                              rng: np.random.Generator) -> None:
    """Written into another tensor its pixels lie apart, and it may want other rows of the input:
    the input, which is the same for both ways, must be laid out for the one that is taken."""
    layers = Layers(rng, (1, 32, 32, 3))
    x = layers.conv(layers.inputs[0], channels, (kernel, kernel), padding="SAME")
    y = layers.builder.pool_2d("MAX_POOL_2D", x, (3, 3), padding="SAME")
    joined = layers.builder.concatenation([x, y], x.scale, x.zero_point)
    model = layers.builder.finish([layers.conv(joined, 5, (1, 1))])
    inputs = [rng.integers(-128, 128, (1, 32, 32, 3)).astype(np.int8)]
    program = compile_model(model, ALL_CONFIGS[config])
    _check(model, inputs, program)
    assert not run_program(program, inputs)[1].hazards
