"""From real numbers to integers: what is written runs, and what is said of it is so."""

import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from hadron.errors import UsageError
from hadron.progress import Progress
from hadron.quantize import Method, quantize_model
from hadron.session import Session
from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.command_line import fails, read, succeeds
from hadron_testing.real_network import real_network


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network and samples for it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    onnx.save(real_network(rng), "real.onnx")
    np.save("x.npy", rng.uniform(0, 1, (12, 3, 16, 16)).astype(np.float32))
    return tmp_path


def quantize(**options: object):
    return quantize_model(Path("real.onnx"), Path("x.npy"), Path("q.onnx"), **options)


@pytest.mark.parametrize("method", Method)
def test_the_quantized_network_runs_as_it_is_said_to(method: Method) -> None:
    seen: list[Progress] = []
    result = quantize(method=method, on_progress=seen.append)
    output, = result.outputs
    assert (result.samples, output.shape) == (12, (1, 10))
    assert {progress.stage for progress in seen} == {"preparing", "calibrating", "measuring"}
    x = np.load("x.npy")
    session = onnxruntime.InferenceSession("real.onnx")
    wanted = np.stack([session.run(None, {"x": one[None]})[0] for one in x])
    got = np.stack([Session(compile_model(Path("q.onnx"), CONFIGS["h64"])).run(one).finished()
                    for one in x])
    # Hadron rounds as TensorFlow Lite does, onnxruntime in real numbers: nearly the same.
    sqnr = 10 * math.log10((wanted ** 2).sum() / ((got - wanted) ** 2).sum())
    assert sqnr == pytest.approx(output.sqnr, abs=3)
    assert sqnr > 25
    same = int((wanted.argmax(-1) == got.argmax(-1)).sum())
    assert output.same_class == pytest.approx(same, abs=1)


def test_weights_may_have_four_bits() -> None:
    eight, four = quantize().outputs[0].sqnr, quantize(weight_bits=4).outputs[0].sqnr
    assert eight > four + 6
    layers = compile_model(Path("q.onnx"), CONFIGS["h256"]).layers
    assert {layer.precision for layer in layers if layer.macs > 100_000} == {"W4A8"}
    weights = [onnx.numpy_helper.to_array(constant)
               for constant in onnx.load("q.onnx").graph.initializer
               if constant.data_type == onnx.TensorProto.INT4 and len(constant.dims) > 1]
    assert len(weights) == 6
    assert min(int(w.astype(np.int8).min()) for w in weights) >= -8


def test_a_batch_without_a_size_is_one_image(here: Path) -> None:
    onnx.save(real_network(np.random.default_rng(1), batch="N"), "real.onnx")
    quantize()
    assert compile_model(Path("q.onnx"), CONFIGS["h64"]).inputs[0].shape == (1, 16, 16, 3)


def test_a_model_of_an_older_version_of_onnx_gets_scales_a_channel() -> None:
    onnx.save(real_network(np.random.default_rng(1), opset=11), "real.onnx")
    assert quantize().outputs[0].sqnr > 25


def test_the_command_measures_and_compiles(here: Path) -> None:
    (here / "photos").mkdir()
    for index in range(3):
        Image.effect_noise((40, 30), 20 * (index + 1)).convert("RGB").save(f"photos/{index}.png")
    text = succeeds("quantize", "real.onnx", "--calibration", "photos", "--pixels", "unit",
                    "-o", "q.onnx", "--json", "r.json", "--samples", 2, "--config", "h64")
    assert "q.onnx: weights of 8 bits, activations of 8; 2 samples of photos, minmax\n" in text
    assert "2 of 2" in text
    assert "cycles " in text
    report = read("r.json")
    assert {"model", "output", "samples", "method", "weight_bits", "activation_bits", "outputs",
            "layers", "notes"} == report.keys()
    output, = report["outputs"]
    assert {"name", "shape", "sqnr_db", "same_class"} == output.keys()
    assert output["sqnr_db"] > 20


def test_what_does_not_compile_is_written_and_told() -> None:
    onnx.save(real_network(np.random.default_rng(1), first="Sinh"), "real.onnx")
    message = fails("quantize", "real.onnx", "--calibration", "x.npy", "-o", "q.onnx", status=1)
    assert message.startswith("it is written, but does not compile: q.onnx: ")
    assert "Sinh" in message
    assert Path("q.onnx").is_file()


def refused(*arguments: object) -> str:
    message = fails("quantize", *arguments, "--calibration", "x.npy", "-o", "q.onnx")
    assert not Path("q.onnx").exists()
    return message


def test_what_cannot_be_quantized_is_refused() -> None:
    Path("bad.onnx").write_bytes(b"no model")
    assert refused("bad.onnx").startswith("bad.onnx: not an ONNX model, or a damaged one (")
    assert refused("none.onnx") == "none.onnx: No such file or directory"
    assert refused("real.onnx", "--weight-bits", 3) == (
        "weights of 3 bits and activations of 8, must be one of W8A8, W4A8, W8A16, W4A4")
    for options in (("--activation-bits", 16), ("--layer", "x=W4A8")):
        assert refused("real.onnx", *options) == (
            "real.onnx: activations of 16 and of 4 bits, and layers of another precision, are "
            "there for TFLite models alone")
    onnx.save(real_network(np.random.default_rng(1), size="S"), "real.onnx")
    assert refused("real.onnx") == (
        "real.onnx: input x has no fixed shape ([1, 3, 0, 0]); Hadron needs one")


def test_what_is_quantized_is_not_quantized_again() -> None:
    quantize()
    Path("q.onnx").rename("twice.onnx")
    assert refused("twice.onnx").startswith("twice.onnx: the model is quantized already (it has ")


def test_samples_that_do_not_fit_are_refused() -> None:
    np.save("x.npy", np.ones((2, 3, 8, 8)))
    assert refused("real.onnx") == (
        "x.npy: the array has the shape [2, 3, 8, 8], input x has [1, 3, 16, 16]")


def test_the_quantizer_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name.partition(".")[0])

    monkeypatch.setattr("hadron.quantize.onnx_network.import_module", missing)
    with pytest.raises(UsageError, match=r"onnxruntime: pip install 'hadron-npu\[quantize\]'"):
        quantize()


def test_a_third_party_network_is_quantized(shared: Path, here: Path) -> None:
    """Its channels that training has switched off need larger scales, with four bits."""
    rng = np.random.default_rng(1)
    np.save("x.npy", rng.uniform(0, 1, (4, 3, 96, 96)).astype(np.float32))
    model = shared / "models" / "kj_v13_vww_mbv1_float.onnx"
    for bits, sqnr in ((8, 20), (4, 3)):
        result = quantize_model(model, Path("x.npy"), Path("q.onnx"), weight_bits=bits)
        assert result.outputs[0].sqnr > sqnr
        assert compile_model(Path("q.onnx"), CONFIGS["h64"]).macs > 7_000_000
