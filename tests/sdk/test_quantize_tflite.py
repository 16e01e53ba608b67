"""TFLite networks of real numbers to integers: what is written runs, and what is said of it is so.

LiteRT runs the real networks, TensorFlow Lite Micro the quantized ones.
"""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from hadron.errors import UsageError
from hadron.pixels import quantize_reals
from hadron.progress import Progress
from hadron.quantize import Method, Quantization, quantize_model
from hadron.session import Session
from hadron_compiler import Program, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.command_line import fails, read, succeeds
from hadron_testing.real_tflite import RealLayers, real_tflite

EVERY = replace(CONFIGS["h256"], name="every", deep=True, shallow=True)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network and samples for it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    Path("real.tflite").write_bytes(real_tflite(rng))
    np.save("x.npy", rng.uniform(0, 1, (12, 16, 16, 3)).astype(np.float32))
    return tmp_path


def quantize(**options: object) -> Quantization:
    return quantize_model(Path("real.tflite"), Path("x.npy"), Path("q.tflite"), **options)


def real_outputs(model: Path = Path("real.tflite")) -> np.ndarray:
    interpreter = Interpreter(str(model))
    interpreter.allocate_tensors()
    source, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    made = []
    for x in np.load("x.npy"):
        interpreter.set_tensor(source["index"], x.reshape(source["shape"]))
        interpreter.invoke()
        made.append(interpreter.get_tensor(output["index"]))
    return np.stack(made)


def sqnr(program: Program) -> float:
    """Run the samples on the golden model; return how near it comes, in dB."""
    wanted, (source,), (output,) = real_outputs(), program.inputs, program.outputs
    values = np.stack([
        Session(program).run(quantize_reals(one[None], source)).outputs[output.name]
        for one in np.load("x.npy")])
    got = (values.astype(np.float64) - output.zero_point) * output.scale
    return float(10 * np.log10((wanted ** 2).sum() / ((got - wanted) ** 2).sum()))


def precisions(program: Program) -> dict[str, str]:
    return {layer.name: layer.precision for layer in program.layers if layer.macs}


def test_the_quantized_network_runs_as_it_is_said_to() -> None:
    seen: list[Progress] = []
    result = quantize(on_progress=seen.append)
    output, = result.outputs
    assert (result.samples, output.shape, result.notes) == (12, (1, 10), ())
    assert {progress.stage for progress in seen} == {"preparing", "calibrating", "measuring"}
    program = compile_model(Path("q.tflite"), CONFIGS["h64"])
    assert sqnr(program) == pytest.approx(output.sqnr, abs=1)
    assert output.sqnr > 25
    assert output.same_class is not None
    assert output.same_class >= 11


def test_it_equals_tensorflow_lite_micro(rng: np.random.Generator) -> None:
    quantize()
    value = rng.integers(-128, 128, (1, 16, 16, 3)).astype(np.int8)
    expected, = oracle.run(Path("q.tflite").read_bytes(), [value])
    program = compile_model(Path("q.tflite"), CONFIGS["h256"])
    got, = Session(program).run(value).outputs.values()
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("stored", ["float16", "int8"])
def test_constants_stand_for_real_numbers(stored: str) -> None:
    Path("real.tflite").write_bytes(real_tflite(np.random.default_rng(1), weights=stored))
    assert quantize().outputs[0].sqnr > 25
    compile_model(Path("q.tflite"), CONFIGS["h64"])


def test_a_channel_that_is_switched_off_keeps_its_bias() -> None:
    Path("real.tflite").write_bytes(real_tflite(np.random.default_rng(1), dead=True))
    assert quantize().outputs[0].sqnr > 25
    assert sqnr(compile_model(Path("q.tflite"), CONFIGS["h64"])) > 24


def test_bits_may_be_chosen() -> None:
    Path("real.tflite").write_bytes(real_tflite(np.random.default_rng(1), classes=False))
    reached = {}
    for weights, activations in ((8, 8), (4, 8), (4, 4), (8, 16)):
        result = quantize(weight_bits=weights, activation_bits=activations)
        program = compile_model(Path("q.tflite"), EVERY)
        reached[weights, activations] = sqnr(program)
        assert reached[weights, activations] == pytest.approx(result.outputs[0].sqnr, abs=2)
        kinds = set(precisions(program).values())
        if activations == 8:
            assert kinds <= {"W8A8", "W4A8"}
        assert f"W{weights}A{min(activations, 16)}" in kinds or activations == 4
    assert reached[8, 16] > reached[8, 8] + 2  # what is left is the weights'
    assert reached[8, 8] > reached[4, 8] + 6
    assert reached[4, 4] <= reached[4, 8] + 1


def test_activations_of_four_bits_have_sixteen_numbers() -> None:
    result = quantize(weight_bits=4, activation_bits=4)
    interpreter = Interpreter("q.tflite", experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    x = interpreter.get_input_details()[0]
    interpreter.set_tensor(x["index"], np.random.default_rng(2).integers(
        -128, 128, x["shape"]).astype(np.int8))
    interpreter.invoke()
    values = {entry["name"]: interpreter.get_tensor(entry["index"])
              for entry in interpreter.get_tensor_details()
              if entry["name"] in ("first_relu", "last")}
    assert set(values) == {"first_relu", "last"}
    # What FULLY_CONNECTED reads is an average of what a RELU makes, on a grid of its own.
    assert (values["first_relu"].min(), values["first_relu"].max()) >= (112, 120)
    assert "keeps 8 bits: no RELU makes it" in "".join(result.notes)


def test_layers_may_differ() -> None:
    result = quantize(layers=["^(middle|scores)$=W8A16", "sco=w4a8", "nothing=W8A8"])
    found = precisions(compile_model(Path("q.tflite"), EVERY))
    assert found["middle"] == "W8A16"
    assert found["last"] == "W8A8"
    assert found["scores"] != "W8A16"
    assert result.layers == ("^(middle|scores)$=W8A16", "sco=w4a8", "nothing=W8A8")
    assert result.notes == ("--layer nothing: no operator writes a tensor of that name",)
    assert result.outputs[0].sqnr > 20


def test_clamps_become_part_of_the_operator_before() -> None:
    quantize()
    kinds = [layer.op for layer in compile_model(Path("q.tflite"), CONFIGS["h64"]).layers]
    assert "RELU" not in kinds
    assert kinds.count("PRELU") == 1


def test_what_has_no_integers_keeps_real_numbers() -> None:
    Path("real.tflite").write_bytes(real_tflite(np.random.default_rng(1), middle="SIN"))
    result = quantize()
    assert result.notes == ("SIN #5 keeps real numbers: it has no integers",)
    assert result.outputs[0].sqnr > 20
    # Between DEQUANTIZE and QUANTIZE, a function is a table.
    assert sqnr(compile_model(Path("q.tflite"), CONFIGS["h64"])) > 20


def test_what_has_no_sixteen_bits_keeps_eight() -> None:
    Path("real.tflite").write_bytes(real_tflite(np.random.default_rng(1), middle="ELU"))
    result = quantize(activation_bits=16)
    assert "ELU #5 has no activations of 16 bits: it keeps 8" in result.notes
    assert sqnr(compile_model(Path("q.tflite"), EVERY)) > 25


def test_a_join_of_other_numbers_has_a_grid_for_all() -> None:
    """LOGISTIC has a grid of its own, which ends at 1."""
    net = RealLayers(np.random.default_rng(1))
    x = net.convolution(net.input((1, 16, 16, 3)), 8, bias=np.full(8, 3.0))
    y = net.concatenation([net.unary("LOGISTIC", x), x])
    Path("real.tflite").write_bytes(net.builder.finish([y]))
    assert quantize().outputs[0].sqnr > 35
    assert sqnr(compile_model(Path("q.tflite"), CONFIGS["h64"])) > 35


def test_outliers_may_be_left_out() -> None:
    x = np.random.default_rng(1).uniform(0, 1, (500, 16, 16, 3)).astype(np.float32)
    x[7, 0, 0, 0] = 400
    np.save("x.npy", x)
    net = RealLayers(np.random.default_rng(1))
    y = net.convolution(net.input((1, 16, 16, 3)), 4)
    Path("real.tflite").write_bytes(net.builder.finish([y]))
    scales = {}
    for method in (Method.MINMAX, Method.PERCENTILE):
        quantize(method=method)
        scales[method] = compile_model(Path("q.tflite"), CONFIGS["h64"]).inputs[0].scale
    assert scales[Method.MINMAX] == pytest.approx(400 / 255)
    assert scales[Method.PERCENTILE] == pytest.approx(1 / 255, rel=0.2)


def test_the_command_measures_and_compiles(here: Path) -> None:
    (here / "photos").mkdir()
    for index in range(3):
        Image.effect_noise((40, 30), 20 * (index + 1)).convert("RGB").save(f"photos/{index}.png")
    text = succeeds("quantize", "real.tflite", "--calibration", "photos", "--pixels", "signed",
                    "-o", "q.tflite", "--json", "r.json", "--samples", 2, "--config", "h64",
                    "--layer", "scores=W4A8")
    assert "q.tflite: weights of 8 bits, activations of 8; 2 samples of photos, minmax\n" in text
    assert "cycles " in text
    report = read("r.json")
    assert report["layers"] == ["scores=W4A8"]
    assert report["activation_bits"] == 8
    # The input's grid is that of all pixels, whichever the samples have.
    binding = compile_model(Path("q.tflite"), CONFIGS["h64"]).inputs[0]
    assert binding.scale * (-128 - binding.zero_point) == pytest.approx(-1, abs=0.01)
    assert binding.scale * (127 - binding.zero_point) == pytest.approx(1, abs=0.01)


def refused(*arguments: object) -> str:
    message = fails("quantize", *arguments, "--calibration", "x.npy", "-o", "r.tflite")
    assert not Path("r.tflite").exists()
    return message


def test_what_cannot_be_quantized_is_refused() -> None:
    quantize()
    Path("bad.tflite").write_bytes(b"no model at all")
    Path("cut.tflite").write_bytes(Path("real.tflite").read_bytes()[:600])
    assert refused("bad.tflite") == "bad.tflite: not a TFLite model: bytes 4 to 7 are not 'TFL3'"
    assert refused("cut.tflite").startswith("cut.tflite: truncated or corrupt TFLite model (")
    assert refused("none.tflite") == "none.tflite: No such file or directory"
    assert refused("q.tflite") == (
        "q.tflite: input x is INT8, not of real numbers; is the model quantized already?")
    assert refused("real.tflite", "--method", "entropy") == (
        "--method entropy is there for ONNX models alone")
    assert refused("real.tflite", "--activation-bits", 16, "--weight-bits", 4) == (
        "weights of 4 bits and activations of 16, must be one of W8A8, W4A8, W8A16, W4A4")
    assert refused("real.tflite", "--layer", "a=W3A8") == (
        "--layer a=W3A8: must be PATTERN=PRECISION, the precision one of W8A8, W4A8, W8A16, W4A4")
    assert refused("real.tflite", "--layer", "(=W8A8").startswith(
        "--layer (=W8A8: no regular expression (")


def test_a_transposed_convolution_of_mediapipe_is_one(rng: np.random.Generator) -> None:
    """LiteRT has it without its own name alone; the options are padding SAME and two strides."""
    net = RealLayers(np.random.default_rng(1))
    x = net.input((1, 16, 16, 3))
    weights, bias = (net.constant(rng.normal(0, 1, shape)) for shape in ((4, 2, 2, 3), (4,)))
    y = net.tensor((1, 32, 32, 4))
    net.builder.operator("CUSTOM", [x, weights, bias], [y],
                         custom_code="Convolution2DTransposeBias")
    net.builder.operators[-1].customOptions = np.frombuffer(struct.pack("<3i", 1, 2, 2), np.uint8)
    Path("real.tflite").write_bytes(net.builder.finish([y]))
    assert quantize().outputs[0].sqnr > 35
    layer, = compile_model(Path("q.tflite"), CONFIGS["h64"]).layers
    assert layer.op == "TRANSPOSE_CONV"
    # One pixel makes two by two of its own.
    value = rng.integers(-128, 128, (1, 16, 16, 3)).astype(np.int8)
    expected, = oracle.run(Path("q.tflite").read_bytes(), [value])
    got, = Session(compile_model(Path("q.tflite"), CONFIGS["h64"])).run(value).outputs.values()
    np.testing.assert_array_equal(got, expected)


def test_what_litert_does_not_run_is_refused() -> None:
    net = RealLayers(np.random.default_rng(1))
    x = net.input((1, 16, 16, 3))
    y = net.tensor(x.shape)
    net.builder.operator("CUSTOM", [x], [y], custom_code="Mystery")
    Path("custom.tflite").write_bytes(net.builder.finish([y]))
    assert refused("custom.tflite").startswith(
        "custom.tflite: LiteRT does not run it (Encountered unresolved custom op: Mystery")


def test_numbers_that_are_not_finite_are_refused() -> None:
    net = RealLayers(np.random.default_rng(1))
    y = net.unary("LOG", net.convolution(net.input((1, 16, 16, 3)), 4), name="logarithm")
    Path("real.tflite").write_bytes(net.builder.finish([y]))
    with pytest.raises(UsageError, match=r"^real.tflite: tensor logarithm holds numbers that are "):
        quantize()


def test_numbers_out_of_proportion_are_refused() -> None:
    net = RealLayers(np.random.default_rng(1))
    x = net.input((1, 16, 16, 3))
    y = net.unary("TANH", net.binary("MUL", x, net.constant(np.full(3, 1e-43), name="tiny")))
    Path("real.tflite").write_bytes(net.builder.finish([y]))
    with pytest.raises(UsageError, match=r"^tensor tiny would have a scale of 3.9e-46, which "):
        quantize()


def test_the_runtime_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name.partition(".")[0])

    monkeypatch.setattr("hadron.quantize.tflite_file.import_module", missing)
    with pytest.raises(UsageError, match=r"ai_edge_litert: pip install 'hadron-npu\[quantize\]'"):
        quantize()


def test_another_kind_of_file_is_refused() -> None:
    assert fails("quantize", "real.tflite", "--calibration", "x.npy", "-o", "q.onnx") == (
        "q.onnx: must end with .tflite, as what is quantized does")


@pytest.mark.parametrize(("name", "size", "least"), [
    ("mlperf_vww_mbv1_025_96_float", 96, 15), ("mlperf_ic_resnet8_float", 32, 8)])
def test_third_party_networks_are_quantized(shared: Path, name: str, size: int,
                                            least: float) -> None:
    rng = np.random.default_rng(1)
    np.save("x.npy", rng.uniform(0, 1, (4, size, size, 3)).astype(np.float32))
    result = quantize_model(shared / "models" / f"{name}.tflite", Path("x.npy"), Path("q.tflite"))
    assert result.outputs[0].sqnr > least
    assert compile_model(Path("q.tflite"), CONFIGS["h64"]).macs > 7_000_000
