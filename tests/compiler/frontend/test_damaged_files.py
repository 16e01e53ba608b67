"""Files that are no model, or only a part of one, or bent: one line, never a traceback."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from hadron_compiler import CompileError, ModelFormatError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.random_models import random_network

H64 = CONFIGS["h64"]


@pytest.fixture
def model(rng: np.random.Generator) -> bytes:
    return random_network(rng, size=8, blocks=1).model


def message(data: bytes) -> str:
    with pytest.raises(ModelFormatError) as caught:
        compile_model(data, H64, name="net.tflite")
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_empty_file() -> None:
    assert message(b"") == "net.tflite: not a TFLite model: 0 bytes"


def test_other_file() -> None:
    assert message(b"\x89PNG\r\n\x1a\n" * 9) == (
        "net.tflite: not a TFLite model: bytes 4 to 7 are not 'TFL3'")


def test_absent_file(tmp_path: Path) -> None:
    path = tmp_path / "absent.tflite"
    with pytest.raises(ModelFormatError, match="No such file or directory"):
        compile_model(path, H64)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="Is a directory"):
        compile_model(tmp_path, H64)


def test_truncations_are_refused(model: bytes) -> None:
    for size in range(8, len(model) - 1, max(1, len(model) // 60)):
        # What is left may be a whole model when only padding is cut.
        with suppress(CompileError):
            compile_model(model[:size], H64, name="net.tflite")


def test_a_truncated_model_is_called_so(model: bytes) -> None:
    assert message(model[:len(model) // 2]).startswith(
        "net.tflite: truncated or corrupt TFLite model (")


def test_bent_bytes_are_refused_or_compile(model: bytes, rng: np.random.Generator) -> None:
    for _ in range(150):
        data = bytearray(model)
        for _ in range(int(rng.integers(1, 6))):
            data[int(rng.integers(8, len(data)))] = int(rng.integers(256))
        with suppress(CompileError):
            compile_model(bytes(data), H64, name="net.tflite")
