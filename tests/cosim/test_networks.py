"""Third-party networks: RTL = golden model = TensorFlow Lite Micro, on real and random inputs."""

from time import process_time

import numpy as np
import pytest
from PIL import Image

from hadron import Result, Session
from hadron_spec.config import CONFIGS
from hadron_testing import oracle

RANDOM_INPUTS = {
    "tinymaix_mnist_dw": 20,
    "tinymaix_mnist_resnet": 20,
    "tinymaix_mnist_valid": 20,
    "mlperf_ic_resnet8": 20,
    "mlperf_vww_mbv1_025_96": 20,
    "cfu_mbv2_035_160": 1,
    "emza_ssd_slim_120x160": 2,
}
"""Networks, and how many random inputs each runs on besides the real ones; large ones take long."""

PUBLISHED = {
    "mlperf_ic_resnet8": "ic_cfu.npz",
    "mlperf_vww_mbv1_025_96": "vww_cfu.npz",
    "cfu_mbv2_035_160": "mnv2_cfu.npz",
}
"""Files of inputs, some with the outputs that the networks' publishers state."""

NOT_PUBLISHED = 9999

LONG = 1_000_000
"""Cycles from which a network runs on its first real input alone."""

pytestmark = pytest.mark.slow


def real_inputs(shared, name: str) -> list[np.ndarray]:
    """Return the inputs of `shared/inputs` that belong to a network."""
    folder = shared / "inputs"
    if name.startswith("tinymaix_mnist"):
        files = sorted(folder.glob("tflm_mnist_sample*.png"))
        pixels = [np.asarray(Image.open(file).convert("L"), np.int16) for file in files]
        return [(image - 128).astype(np.int8).reshape(1, 28, 28, 1) for image in pixels]
    if name in PUBLISHED:
        return list(np.load(folder / PUBLISHED[name])["x"][:, None])
    return []


def check_published(shared, name: str, outputs: list[np.ndarray]) -> None:
    """Compare with the outputs that the networks' publishers state."""
    if name not in PUBLISHED:
        return
    data = np.load(shared / "inputs" / PUBLISHED[name])
    scores = np.stack(outputs).reshape(len(outputs), -1).astype(int)
    if "golden" in data:
        published = data["golden"].reshape(-1, scores.shape[1])
        np.testing.assert_array_equal(scores, published[:len(scores)])
    if "golden_diff" in data:
        published = data["golden_diff"][:len(scores)]
        known = published != NOT_PUBLISHED
        np.testing.assert_array_equal((scores[:, 1] - scores[:, 0])[known], published[known])


def check_oracle(file, x: np.ndarray, result: Result) -> None:
    """Compare the outputs with those of TensorFlow Lite Micro."""
    expected = oracle.run(file.read_bytes(), [x], outputs=len(result.outputs))
    for output, wanted in zip(result.outputs.values(), expected, strict=True):
        np.testing.assert_array_equal(output.ravel(), wanted.ravel())


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", RANDOM_INPUTS)
def test_network(shared, rng, name, config):
    file = shared / "models" / f"{name}_int8.tflite"
    session = Session(file, config=config, on="rtl")
    shape = session.program.inputs[0].shape
    inputs = real_inputs(shared, name)
    if session.program.cycles > LONG:
        inputs = inputs[:1]
    real = len(inputs)
    inputs += [rng.integers(-128, 128, shape).astype(np.int8) for _ in range(RANDOM_INPUTS[name])]
    firsts = []
    for x in inputs:
        result = session.run([x])  # raises unless every byte of memory is the golden model's
        check_oracle(file, x, result)
        firsts.append(next(iter(result.outputs.values())))
    check_published(shared, name, firsts[:real])


def test_resnet_8_takes_less_than_20_seconds(shared):
    """On h256, once its simulator is built: compiled, simulated and compared."""
    file = shared / "models/mlperf_ic_resnet8_int8.tflite"
    x = np.load(shared / "inputs/ic_cfu.npz")["x"][:1]
    Session(file, config="h256", on="rtl").run([x])
    begin = process_time()
    Session(file, config="h256", on="rtl").run([x])
    assert process_time() - begin < 20


@pytest.mark.parametrize("name", RANDOM_INPUTS)
def test_network_on_a_slow_memory(shared, rng, name):
    file = shared / "models" / f"{name}_int8.tflite"
    session = Session(file, config="h256", on="rtl", memory="sdram")
    x = rng.integers(-128, 128, session.program.inputs[0].shape).astype(np.int8)
    check_oracle(file, x, session.run([x]))
