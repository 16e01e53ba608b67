"""Tensors beside TensorFlow Lite Micro's."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import hadron.session
from hadron.cli import app
from hadron.compare import compare_model, difference_of
from hadron.errors import UsageError
from hadron_compiler import CompileError, TensorBinding, compile_model
from hadron_compiler.frontend.tflite import operator_outputs
from hadron_spec.config import CONFIGS
from hadron_testing.fake_simulator import FakeSimulator
from hadron_testing.networks import network
from hadron_testing.open_shapes import opened

BINDING = TensorBinding("t", 0, (2, 2), "int8", 0.5, 1)


def compare(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["compare", *(str(argument) for argument in arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def array(*values: int) -> np.ndarray[Any, np.dtype[np.int8]]:
    return np.array(values, np.int8).reshape(2, 2)


def test_equal_tensors_are_exact() -> None:
    same = difference_of(3, "ADD", BINDING, array(1, 2, 3, 4), array(1, 2, 3, 4))
    assert (same.differing, same.max_steps, same.max_error, same.sqnr) == (0, 0, 0, math.inf)
    assert same.cosine == pytest.approx(1)


def test_measures_are_of_real_numbers() -> None:
    # Real: (0, 1, 0, 0) against (0, 1, 1, 0).
    it = difference_of(0, "ADD", BINDING, array(1, 3, 1, 1), array(1, 3, 3, 1))
    assert (it.differing, it.max_steps, it.max_error) == (1, 2, 1.0)
    assert it.cosine == pytest.approx(1 / math.sqrt(2))
    assert it.sqnr == pytest.approx(10 * math.log10(2 / 1))


def test_zeros_have_no_direction() -> None:
    zeros, ones = array(1, 1, 1, 1), array(3, 3, 3, 3)
    assert difference_of(0, "ADD", BINDING, zeros, zeros).cosine == 1
    against = difference_of(0, "ADD", BINDING, ones, zeros)
    assert math.isnan(against.cosine)
    assert against.sqnr == -math.inf
    assert against.to_json()["cosine"] is None
    assert against.to_json()["sqnr_db"] is None


def test_every_tensor_of_the_shipped_network_is_equal(tmp_path: Path) -> None:
    status, out, err = compare("digits", "--config", "h64", "--json", tmp_path / "c.json")
    assert (status, err) == (0, "")
    assert "all 10 tensors are equal" in out
    written = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert written["equal"] is True
    assert [tensor["kind"] for tensor in written["tensors"]] == [
        "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "ADD", "MAX_POOL_2D", "CONV_2D",
        "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]


@pytest.mark.parametrize("name", ["mlperf_ic_resnet8", "tinymaix_mnist_dw"])
def test_every_tensor_of_other_networks_is_equal(shared: Path, rng: np.random.Generator, name: str,
                                                 ) -> None:
    path = shared / "models" / f"{name}_int8.tflite"
    shape = compile_model(path, CONFIGS["h64"]).inputs[0].shape
    x = rng.integers(-128, 128, shape).astype(np.int8)
    comparison = compare_model(path, x, "h64")
    assert comparison.first is None
    assert len(comparison.tensors) == len(operator_outputs(path.name, path.read_bytes()))


def test_the_first_tensor_that_differs_is_named(monkeypatch: pytest.MonkeyPatch, project: Path
                                                ) -> None:
    path = project / "toolchain/hadron/data/digits.tflite"
    program = compile_model(path, CONFIGS["h64"], keep_tensors=True)

    class Fake(FakeSimulator):
        damage = program.outputs[4].offset

    monkeypatch.setattr(hadron.session, "NpuSimulator", Fake)
    status, _, err = compare("digits", "--config", "h64", "--on", "rtl")
    assert status == 1
    assert "1 of 10 tensors differ, the first is " in err
    assert " of MAX_POOL_2D #4: 1 elements by up to " in err


def test_kept_tensors_leave_the_models_own_outputs_alone(project: Path) -> None:
    path = project / "toolchain/hadron/data/digits.tflite"
    assert len(compile_model(path, CONFIGS["h64"]).outputs) == 1
    kept = compile_model(path, CONFIGS["h64"], keep_tensors=True)
    assert [binding.name for binding in kept.outputs] == [
        output.name for output in operator_outputs("digits", path.read_bytes())]


def test_what_is_no_tflite_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"0123456789")
    with pytest.raises(CompileError, match=r"^x.onnx: only tensors of TFLite models can be kept$"):
        compare_model(tmp_path / "x.onnx", np.zeros(1, np.int8))
    assert compare(tmp_path) == (
        2, "", f"hadron: error: {tmp_path}: a folder; the model's file is needed\n")
    with pytest.raises(UsageError, match=r"No such file or directory$"):
        compare_model(tmp_path / "none.tflite", np.zeros(1, np.int8))


def test_an_input_is_needed(shared: Path) -> None:
    path = shared / "models/tinymaix_mnist_valid_int8.tflite"
    assert compare(path) == (2, "", f"hadron: error: {path.name}: --input is missing\n")


def test_a_missing_reference_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro", None)
    status, _, err = compare("digits")
    assert status == 2
    assert err == ("hadron: error: comparing needs tflite-micro: pip install "
                   "'hadron-npu[compare]'\n")


def test_shapes_that_a_model_leaves_open_are_told_to_the_reference(
        tmp_path: Path, rng: np.random.Generator) -> None:
    """TensorFlow Lite Micro takes the file's, in which an open size is 1."""
    model = tmp_path / "open.tflite"
    model.write_bytes(opened(network("ds_cnn", rng, (32, 32)), lambda shape: (-1,) * len(shape)))
    x = rng.integers(-128, 128, compile_model(model, CONFIGS["h64"]).inputs[0].shape)
    made = compare_model(model, x.astype(np.int8), "h64")
    assert made.tensors
    assert made.first is None
