"""Third-party networks: RTL = golden model = TensorFlow Lite Micro, on real and random inputs."""

import numpy as np
import pytest
from PIL import Image

from hadron import Session
from hadron_spec.config import CONFIGS
from hadron_testing import oracle

NETWORKS = ("tinymaix_mnist_dw", "tinymaix_mnist_resnet", "tinymaix_mnist_valid",
            "mlperf_ic_resnet8", "mlperf_vww_mbv1_025_96")
RANDOM_INPUTS = 20

pytestmark = pytest.mark.slow


def real_inputs(shared, name: str) -> list[np.ndarray]:
    """Return the inputs of `shared/inputs` that belong to a network."""
    folder = shared / "inputs"
    if name.startswith("tinymaix_mnist"):
        files = sorted(folder.glob("tflm_mnist_sample*.png"))
        pixels = [np.asarray(Image.open(file).convert("L"), np.int16) for file in files]
        return [(image - 128).astype(np.int8).reshape(1, 28, 28, 1) for image in pixels]
    file = "ic_cfu.npz" if name == "mlperf_ic_resnet8" else "vww_cfu.npz"
    return list(np.load(folder / file)["x"][:, None])


def check_published(shared, name: str, outputs: list[np.ndarray]) -> None:
    """Compare with the outputs that the networks' publishers state."""
    if name == "mlperf_ic_resnet8":
        golden = np.load(shared / "inputs" / "ic_cfu.npz")["golden"]
        np.testing.assert_array_equal(np.stack(outputs).reshape(golden.shape), golden)
    elif name == "mlperf_vww_mbv1_025_96":
        golden = np.load(shared / "inputs" / "vww_cfu.npz")["golden_diff"]
        scores = np.stack(outputs).reshape(len(golden), 2).astype(int)
        np.testing.assert_array_equal(scores[:, 1] - scores[:, 0], golden)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_network(shared, rng, name, config):
    file = shared / "models" / f"{name}_int8.tflite"
    session = Session(file, config=config, on="rtl")
    shape = session.program.inputs[0].shape
    inputs = real_inputs(shared, name)
    real = len(inputs)
    inputs += [rng.integers(-128, 128, shape).astype(np.int8) for _ in range(RANDOM_INPUTS)]
    outputs = []
    for x in inputs:
        result = session.run([x])  # raises unless every byte of memory is the golden model's
        (output,) = result.outputs.values()
        (expected,) = oracle.run(file.read_bytes(), [x])
        np.testing.assert_array_equal(output.ravel(), expected.ravel())
        outputs.append(output)
    check_published(shared, name, outputs[:real])
