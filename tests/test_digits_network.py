"""The network that ships with Hadron: what `train/digits.py` promises about it."""

import json
from pathlib import Path

import numpy as np
import pytest
import tflite
from PIL import Image

from hadron_testing import oracle

DATA = Path("toolchain/hadron/data")

OPERATORS = {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE",
             "FULLY_CONNECTED", "SOFTMAX"}


@pytest.fixture(scope="module")
def content(project: Path) -> bytes:
    return (project / DATA / "digits.tflite").read_bytes()


@pytest.fixture(scope="module")
def graph(content: bytes) -> tflite.SubGraph:
    return tflite.Model.GetRootAsModel(content, 0).Subgraphs(0)


def test_it_uses_every_kind_of_operator(content: bytes) -> None:
    model = tflite.Model.GetRootAsModel(content, 0)
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    names = {value: name for name, value in vars(tflite.BuiltinOperator).items()
             if isinstance(value, int)}
    used = {names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())] for code in codes}
    assert used == OPERATORS


def test_a_pixel_of_a_png_is_the_input_byte_plus_128(graph: tflite.SubGraph) -> None:
    tensor = graph.Tensors(graph.Inputs(0))
    quantization = tensor.Quantization()
    assert tensor.Type() == tflite.TensorType.INT8
    assert tensor.ShapeAsNumpy().tolist() == [1, 8, 8, 1]
    assert quantization.ZeroPoint(0) == -128
    assert quantization.Scale(0) == pytest.approx(1 / 255, rel=1e-6)


def test_weights_are_small_and_per_channel(content: bytes, graph: tflite.SubGraph) -> None:
    model = tflite.Model.GetRootAsModel(content, 0)
    tensors = [graph.Tensors(i) for i in range(graph.TensorsLength())]
    weights = [t for t in tensors
               if t.Type() == tflite.TensorType.INT8 and model.Buffers(t.Buffer()).DataLength()]
    assert len(weights) == 5
    assert all(t.Quantization().ScaleLength() == max(10, t.Shape(0) if t.Shape(0) > 1
                                                     else t.Shape(3)) for t in weights)
    assert sum(int(np.prod(t.ShapeAsNumpy())) for t in weights) < 10_000


def test_it_reads_the_samples(project: Path, content: bytes) -> None:
    folder = project / DATA / "digits"
    labels = json.loads((folder / "labels.json").read_text())
    assert sorted(labels.values()) == list(range(10))
    right = 0
    for name, label in labels.items():
        pixels = np.asarray(Image.open(folder / name))
        assert pixels.shape == (8, 8)
        image = (pixels.astype(np.int16) - 128).astype(np.int8)[None, ..., None]
        [scores] = oracle.run(content, [image])
        right += int(scores.argmax()) == label
    # The samples are the first held-out image of each digit, not chosen by what comes out.
    assert right >= 9
