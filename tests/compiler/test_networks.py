"""Networks that nobody here trained: bit-exact on every configuration."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.mobilenet_v2 import mobilenet_v2
from hadron_testing.networks import network
from hadron_testing.programs import run_program

NETWORKS = ["mlperf_ic_resnet8", "mlperf_vww_mbv1_025_96", "tinymaix_mnist_dw",
            "tinymaix_mnist_resnet", "tinymaix_mnist_valid"]
SHAPES = {"ds_cnn": (49, 10), "fomo": (48, 48), "shufflenet_v2": (32, 32), "unet": (32, 32),
          "mobilenet_v3_small": (64, 64), "yolox_nano": (64, 64), "densenet": (16, 16),
          "yolo_v8n": (64, 64), "squeezenet": (32, 32), "yolo_v5n": (64, 64),
          "inception": (48, 48)}
"""Public networks with weights drawn at random, on small images."""
LARGE_NETWORKS = ["cfu_mbv2_035_160", "emza_ssd_slim_120x160"]


def inputs_of(shared: Path, name: str) -> list[np.ndarray]:
    if name == "mlperf_ic_resnet8":
        return list(np.load(shared / "inputs" / "ic_cfu.npz")["x"][:2, None])
    if name == "mlperf_vww_mbv1_025_96":
        return list(np.load(shared / "inputs" / "vww_cfu.npz")["x"][:2, None])
    images = [Image.open(shared / "inputs" / f"tflm_mnist_sample{digit}.png").convert("L")
              for digit in (3, 8)]
    return [(np.asarray(image, np.int16) - 128).astype(np.int8).reshape(1, 28, 28, 1)
            for image in images]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_network_equals_the_oracle(shared: Path, name: str, config: str) -> None:
    path = shared / "models" / f"{name}_int8.tflite"
    program = compile_model(path, CONFIGS[config])
    for x in inputs_of(shared, name):
        got, result = run_program(program, [x])
        assert result.ok, (result.error.name, result.detail, [str(h) for h in result.hazards[:3]])
        assert result.unused_tokens == 0
        np.testing.assert_array_equal(got[0], oracle.run(path.read_bytes(), [x])[0])


@pytest.mark.parametrize("config", ["h64", "h256"])
@pytest.mark.parametrize("name", LARGE_NETWORKS)
def test_large_network_equals_the_oracle(shared: Path, name: str, config: str,
                                         rng: np.random.Generator) -> None:
    model = (shared / "models" / f"{name}_int8.tflite").read_bytes()
    program = compile_model(model, CONFIGS[config])
    inputs = [rng.integers(-128, 128, program.inputs[0].shape).astype(np.int8)]
    if name == "cfu_mbv2_035_160":
        inputs.append(np.load(shared / "inputs" / "mnv2_cfu.npz")["x"][0][None])
    for x in inputs:
        got, result = run_program(program, [x])
        assert result.ok, (result.error.name, result.detail, [str(h) for h in result.hazards[:3]])
        assert result.unused_tokens == 0
        expected = oracle.run(model, [x], outputs=len(program.outputs))
        for array, wanted in zip(got, expected, strict=True):
            np.testing.assert_array_equal(array, wanted)


def test_published_outputs_of_mobilenet(shared: Path) -> None:
    data = np.load(shared / "inputs" / "mnv2_cfu.npz")
    program = compile_model(shared / "models" / "cfu_mbv2_035_160_int8.tflite", CONFIGS["h256"])
    known = data["golden_diff"] != 9999
    assert known.sum() == 5
    for x, golden in zip(data["x"][known], data["golden_diff"][known], strict=True):
        got, _ = run_program(program, [x[None]], check_hazards=False)
        absent, present = got[0].ravel().astype(int)
        assert present - absent == golden


def test_published_outputs_of_resnet8(shared: Path) -> None:
    data = np.load(shared / "inputs" / "ic_cfu.npz")
    program = compile_model(shared / "models" / "mlperf_ic_resnet8_int8.tflite", CONFIGS["h256"])
    for x, golden in zip(data["x"], data["golden"], strict=True):
        got, _ = run_program(program, [x[None]], check_hazards=False)
        np.testing.assert_array_equal(got[0][0], golden)


@pytest.mark.slow
def test_mobilenet_v2_of_full_width_and_size_equals_the_oracle(rng: np.random.Generator) -> None:
    """3.5 MB of weights, 1.5 MB of activations: all of it streams through 256 KB."""
    model = mobilenet_v2(rng)
    program = compile_model(model, CONFIGS["h256"])
    assert any(layer.chain != layer.index for layer in program.layers)
    x = rng.integers(-128, 128, (1, 224, 224, 3)).astype(np.int8)
    got, result = run_program(program, [x])
    assert result.ok, (result.error.name, result.detail, [str(h) for h in result.hazards[:3]])
    assert not result.hazards
    np.testing.assert_array_equal(got[0], oracle.run(model, [x], arena=32 << 20)[0])


@pytest.mark.parametrize("config", ["h64", "h256"])
@pytest.mark.parametrize("name", SHAPES)
def test_shapes_of_public_networks(name: str, config: str, rng: np.random.Generator) -> None:
    model = network(name, rng, SHAPES[name])
    program = compile_model(model, CONFIGS[config])
    image = rng.integers(-128, 128, program.inputs[0].shape).astype(np.int8)
    expected = oracle.run(model, [image], outputs=len(program.outputs), arena=64 << 20)
    got, result = run_program(program, [image])
    assert result.ok, (result.error.name, result.detail)
    assert not result.hazards
    for array, wanted in zip(got, expected, strict=True):
        np.testing.assert_array_equal(array.ravel(), wanted.ravel())
