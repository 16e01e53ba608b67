"""The network of `hadron demo`: what `train/faces.py` promises about it."""

from pathlib import Path

import numpy as np
import pytest
import tflite

from hadron.isp.faces import find_faces
from hadron.session import Session
from hadron_testing import oracle

DATA = Path("toolchain/hadron/data")


@pytest.fixture(scope="module")
def content(project: Path) -> bytes:
    return (project / DATA / "faces.tflite").read_bytes()


@pytest.fixture(scope="module")
def session() -> Session:
    return Session("faces", "h256")


def test_a_pixel_of_luma_is_the_input_byte_plus_128(content: bytes) -> None:
    graph = tflite.Model.GetRootAsModel(content, 0).Subgraphs(0)
    tensor = graph.Tensors(graph.Inputs(0))
    assert tensor.ShapeAsNumpy().tolist() == [1, 96, 96, 1]
    assert tensor.Quantization().ZeroPoint(0) == -128
    assert tensor.Quantization().Scale(0) == pytest.approx(1 / 255, rel=1e-6)
    assert graph.Tensors(graph.Outputs(0)).ShapeAsNumpy().tolist() == [1, 24, 24, 1]


def test_the_golden_model_agrees_with_the_reference_kernels(content: bytes, session: Session,
                                                            rng) -> None:
    for image in (rng.integers(-128, 128, (1, 96, 96, 1)), np.full((1, 96, 96, 1), -128)):
        image = image.astype(np.int8)
        [wanted] = oracle.run(content, [image])
        [got] = session.run(image).outputs.values()
        assert np.array_equal(got, wanted)


def _scenes_with_a_face(count: int):
    """Yield scenes with one of the faces held out from training, and where its middle is."""
    data = pytest.importorskip("skimage.data")
    transform = pytest.importorskip("skimage.transform")
    faces = data.lfw_subset()[80:100]  # train/faces.py: HELD_OUT_FACES
    cup = transform.resize(data.coffee() @ np.array([0.299, 0.587, 0.114]) / 255, (96, 96),
                           anti_aliasing=True)
    for index in range(count):
        scene = cup.copy()
        y, x = 8 + 37 * index % 60, 5 + 23 * index % 60
        scene[y:y + 25, x:x + 25] = faces[index]
        yield (np.rint(scene * 255) - 128).astype(np.int8)[None, ..., None], (x + 12.5, y + 12.5)


def test_most_held_out_faces_are_found_and_little_else(session: Session) -> None:
    found = others = 0
    for image, (x, y) in _scenes_with_a_face(20):
        faces = find_faces(session.run(image).dequantized()[0, ..., 0], (0, 0, 96, 96))
        near = [np.hypot(face.x - x, face.y - y) < 8 for face in faces]
        found += any(near)
        others += len(near) - sum(near)
    assert found >= 16
    assert others <= 3
