"""Predicted cycles are those of the RTL: of programs, and of each layer, within five percent."""

from pathlib import Path

import numpy as np
import pytest

from hadron.layers import layer_timings
from hadron_compiler import Program, compile_model
from hadron_cosim.simulator import NpuSimulator
from hadron_spec.config import CONFIGS
from hadron_testing.large_models import LARGE, Layers
from hadron_testing.random_shallow import ALL_PRECISIONS, network_of_three
from hadron_testing.tflite_builder import ModelBuilder

CONFIG = CONFIGS["h64"]
LARGE_CONFIG = CONFIGS["h256"]
TOLERANCE = 0.05
SHORT = 500
"""Cycles below which a layer is not compared on its own: fetches, loads at the start and what a
neighbour's transfers take of the scratchpad decide."""

pytestmark = pytest.mark.slow


NETWORKS = ["cfu_mbv2_035_160", "emza_ssd_slim_120x160", "mlperf_ic_resnet8",
            "mlperf_vww_mbv1_025_96", "tinymaix_mnist_dw", "tinymaix_mnist_resnet",
            "tinymaix_mnist_valid"]


@pytest.fixture(scope="module")
def simulator() -> NpuSimulator:
    return NpuSimulator(CONFIG)


@pytest.fixture(scope="module")
def large_simulator() -> NpuSimulator:
    return NpuSimulator(LARGE_CONFIG)


def compare(simulator: NpuSimulator, program: Program) -> None:
    memory = np.zeros(program.region_bytes, np.uint8)
    memory[:len(program.memory)] = np.frombuffer(program.memory, np.uint8)
    result = simulator.run(memory, program.command_offset, program.command_count, 0,
                           program.region_bytes)
    assert result.status == "done"
    assert program.cycles == pytest.approx(result.cycles, rel=TOLERANCE)
    for layer, timing in zip(program.layers, layer_timings(program.layers, result.trace),
                             strict=True):
        if timing.cycles > SHORT:
            assert layer.cycles == pytest.approx(timing.cycles, rel=TOLERANCE), layer


def test_shipped_network(simulator: NpuSimulator, project: Path) -> None:
    compare(simulator, compile_model(project / "toolchain/hadron/data/digits.tflite", CONFIG))


@pytest.mark.parametrize("name", NETWORKS)
def test_third_party_network(large_simulator: NpuSimulator, shared: Path, name: str) -> None:
    compare(large_simulator, compile_model(shared / "models" / f"{name}_int8.tflite",
                                           LARGE_CONFIG))


@pytest.mark.parametrize("name", ["mlperf_vww_mbv1_025_96", "emza_ssd_slim_120x160"])
def test_third_party_network_in_tiles(simulator: NpuSimulator, shared: Path, name: str) -> None:
    compare(simulator, compile_model(shared / "models" / f"{name}_int8.tflite", CONFIG))


@pytest.mark.parametrize("rows", [1, 2])
def test_sums_over_several_commands(simulator: NpuSimulator, rows: int,
                                    rng: np.random.Generator) -> None:
    layers = Layers(rng, (rows, 8300))
    compare(simulator, compile_model(layers.builder.finish([layers.dense(layers.inputs[0], 9)]),
                                     CONFIG))


@pytest.mark.parametrize("operator", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_weights_of_four_bits(simulator: NpuSimulator, operator: str,
                              rng: np.random.Generator) -> None:
    builder = ModelBuilder(weight_bits=4)
    x = builder.input((1, 12, 12, 48), 0.05, 3)
    shape = {"CONV_2D": (96, 3, 3, 48), "DEPTHWISE_CONV_2D": (1, 3, 3, 48),
             "FULLY_CONNECTED": (40, 12 * 12 * 48)}[operator]
    channels = shape[3] if operator == "DEPTHWISE_CONV_2D" else shape[0]
    y = getattr(builder, operator.lower())(
        x, rng.integers(-8, 8, shape), rng.integers(-99, 99, channels), 0.02, 0.7, 3)
    compare(simulator, compile_model(builder.finish([y]), CONFIG))


@pytest.mark.parametrize("stride", [1, 2])
def test_tall_windows(simulator: NpuSimulator, stride: int, rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 28, 26, 20), 0.05, 3)
    y = builder.depthwise_conv_2d(
        x, rng.integers(-127, 128, (1, 5, 5, 20)), rng.integers(-99, 99, 20), 0.02, 0.7, 3,
        stride=(stride, stride))
    compare(simulator, compile_model(builder.finish([y]), CONFIG))


def test_activations_of_four_bits(rng: np.random.Generator) -> None:
    model, _ = network_of_three(rng, size=14)
    program = compile_model(model, ALL_PRECISIONS)
    assert [layer.precision for layer in program.layers].count("W4A4") == 3
    compare(NpuSimulator(ALL_PRECISIONS), program)


@pytest.mark.parametrize("name", ["depthwise", "add", "rows", "deep_pixels", "many_outputs",
                                  "transposed", "bilinear", "product"])
def test_streamed_network(simulator: NpuSimulator, name: str, rng: np.random.Generator) -> None:
    builder, outputs = LARGE[name](rng)
    compare(simulator, compile_model(builder.finish(outputs), CONFIG))
