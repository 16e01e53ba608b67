"""Sessions: what goes in, what comes out, and what the report says of it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hadron.session
from hadron import CheckFailedError, Session, UsageError
from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.fake_simulator import CYCLES, FakeSimulator
from hadron_testing.tflite_builder import ModelBuilder

SAMPLE = "toolchain/hadron/data/digits/digit_{}.png"
MODEL = "toolchain/hadron/data/digits.tflite"


@pytest.fixture
def digits() -> Session:
    return Session("digits", "h64")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeSimulator]:
    class Fake(FakeSimulator):
        pass

    monkeypatch.setattr(hadron.session, "NpuSimulator", Fake)
    return Fake


def random_inputs(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(-128, 128, (count, 8, 8, 1), dtype=np.int8)


def test_outputs_are_the_oracles(project: Path, digits: Session, rng: np.random.Generator) -> None:
    content = (project / MODEL).read_bytes()
    for x in random_inputs(rng, 3):
        [output] = digits.run(x).outputs.values()
        np.testing.assert_array_equal(output, oracle.run(content, [x[None]])[0])


def test_tensors_of_one_name_are_told_apart(rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x, y = (builder.input((1, 4, 4, 2), 0.1, 3, name="t") for _ in range(2))
    total = builder.binary("ADD", x, y, 0.2, 0)
    halves = builder.pool_2d("AVERAGE_POOL_2D", total, (2, 2), stride=(2, 2))
    total.name = halves.name = "t"
    model = builder.finish([total, halves, total])
    inputs = [rng.integers(-128, 128, (1, 4, 4, 2)).astype(np.int8) for _ in range(2)]
    result = Session(model, "h64").run({"t": inputs[0], "t:1": inputs[1]})
    assert list(result.outputs) == ["t", "t:1", "t:2"]
    expected = oracle.run(model, inputs, outputs=3)
    for output, wanted in zip(result.outputs.values(), expected, strict=True):
        np.testing.assert_array_equal(output, wanted)


def test_samples_become_the_batch(digits: Session, rng: np.random.Generator) -> None:
    x = random_inputs(rng, 3)
    together = digits.run(x)
    [output] = together.outputs.values()
    assert output.shape == (3, 10)
    for sample, row in zip(x, output, strict=True):
        np.testing.assert_array_equal(digits.run(sample).outputs.popitem()[1][0], row)
    assert together.report.samples == 3
    assert len(together.report.outputs[0].top) == 3


def test_images_are_quantized(project: Path, digits: Session) -> None:
    path = project / SAMPLE.format(4)
    pixels = np.asarray(Image.open(path))
    as_file, as_pixels = digits.run(path), digits.run(pixels)
    as_int8 = digits.run((pixels.astype(np.int16) - 128).astype(np.int8))
    for name, output in as_file.outputs.items():
        np.testing.assert_array_equal(output, as_pixels.outputs[name])
        np.testing.assert_array_equal(output, as_int8.outputs[name])
    assert as_file.report.pixels == "unit"
    assert as_int8.report.pixels is None


def test_classes_are_named_and_dequantized(digits: Session) -> None:
    result = digits.run()
    [classes] = result.report.outputs[0].top
    index, label, value = classes[0]
    real = result.dequantized()
    assert (index, label) == (7, "7")
    assert value == real[0, 7] == real.max() > 0.9
    assert [v for _, _, v in classes] == sorted((v for _, _, v in classes), reverse=True)


def test_a_compiled_folder_runs_as_the_model(tmp_path: Path, digits: Session) -> None:
    digits.program.save(tmp_path / "program")
    session = Session(tmp_path / "program")
    assert session.program.config == CONFIGS["h64"]
    x = np.zeros((8, 8), np.int8)
    for name, output in session.run(x).outputs.items():
        np.testing.assert_array_equal(output, digits.run(x).outputs[name])


def test_a_program_object_runs(project: Path) -> None:
    program = compile_model(project / MODEL, CONFIGS["h128"])
    assert Session(program).run(np.zeros(program.inputs[0].shape, np.int8)).report.samples == 1


def test_a_program_keeps_its_configuration(digits: Session) -> None:
    with pytest.raises(UsageError, match=r"^digits: compiled for h64, not for h256$"):
        Session(digits.program, "h256")


def test_several_inputs_go_by_name_or_order(tmp_path: Path, rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    a = builder.input((1, 4, 4, 8), 0.1, 3, name="a")
    b = builder.input((1, 4, 4, 8), 0.2, -5, name="b")
    model = builder.finish([builder.binary("ADD", a, b, 0.25, 1)])
    session = Session(model, "h64")
    x, y = (rng.integers(-128, 128, (1, 4, 4, 8), dtype=np.int8) for _ in range(2))
    [expected] = oracle.run(model, [x, y])
    np.savez(tmp_path / "both.npz", b=y, a=x)
    for inputs in ({"b": y, "a": x}, [x, y], tmp_path / "both.npz"):
        [output] = session.run(inputs).outputs.values()
        np.testing.assert_array_equal(output, expected)
    assert session.run([x, y]).report.outputs[0].top == ()
    with pytest.raises(UsageError, match=r"^array: no array for input b; the arrays are a$"):
        session.run({"a": x})
    with pytest.raises(UsageError, match=r"the model has 2 inputs \(a, b\)"):
        session.run(x)
    np.save(tmp_path / "one.npy", x)
    with pytest.raises(UsageError, match=r"the model has 2 inputs \(a, b\): give a .npz file"):
        session.run(tmp_path / "one.npy")
    with pytest.raises(UsageError, match="different numbers of samples"):
        session.run([np.stack([x, x]), y])


def test_rtl_is_compared_with_the_golden_model(fake: type[FakeSimulator]) -> None:
    session = Session("digits", "h64", on="rtl")
    report = session.run().report
    assert report.matches_golden is True
    assert report.bytes_compared == session.program.region_bytes
    assert report.cycles == CYCLES
    assert report.memory == "fast"
    assert report.to_json()["cycles_are"] == "measured"


@pytest.mark.parametrize("where", ["first", "output", "last"])
def test_any_byte_that_differs_is_found(fake: type[FakeSimulator], where: str) -> None:
    session = Session("digits", "h64", on="rtl")
    last = session.program.region_bytes - 1
    offset = {"first": 0, "output": session.program.outputs[0].offset, "last": last}[where]
    fake.damage = offset
    report = session.run().report
    assert report.matches_golden is False
    assert report.difference.startswith(
        f"1 bytes differ, the first at offset {offset:#x} of sample 0: RTL ")
    unchecked = session.run(check=False).report
    assert unchecked.matches_golden is None
    assert unchecked.bytes_compared == 0


def test_the_slowest_sample_is_reported(fake: type[FakeSimulator]) -> None:
    session = Session("digits", "h64", on="rtl")
    report = session.run(np.zeros((3, 8, 8), np.int8)).report
    assert report.cycles == CYCLES + 2
    assert report.bytes_compared == 3 * session.program.region_bytes


def test_an_rtl_that_stops_is_an_error(fake: type[FakeSimulator]) -> None:
    fake.status = "error"
    message = "digits: the RTL ended with error after 90 cycles: CHECKSUM at command 3"
    with pytest.raises(CheckFailedError, match=f"^{message}$"):
        Session("digits", "h64", on="rtl").run()


def test_the_simulator_is_made_once(fake: type[FakeSimulator]) -> None:
    stages = []
    session = Session("digits", "h64", on="rtl", on_progress=lambda p: stages.append(p.stage))
    session.run()
    session.run()
    assert stages.count("compile") == 2  # begun, and one file done
    assert stages.count("simulate") == 4


def test_a_damaged_program_is_refused(tmp_path: Path, digits: Session) -> None:
    folder = tmp_path / "program"
    digits.program.save(folder)
    image = bytearray((folder / "memory.bin").read_bytes())
    image[130] ^= 1
    (folder / "memory.bin").write_bytes(image)
    with pytest.raises(UsageError, match=r"^digits: the golden model refuses the program: "
                                         "command 1: CHECKSUM: "):
        Session(folder).run(np.zeros((8, 8), np.int8))


@pytest.mark.parametrize(("arguments", "message"), [
    ({"on": "board"}, "on='board', must be one of golden, rtl"),
    ({"memory": "slow"}, "memory model 'slow', must be one of fast, sdram"),
    ({"pixels": "odd"}, "'odd' is not a valid PixelScale"),
])
def test_unknown_names_are_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        Session("digits", **arguments)
    assert str(error.value) == message


def test_a_model_of_ones_own_needs_an_input(project: Path) -> None:
    with pytest.raises(UsageError, match=r"^digits.tflite: an input is needed$"):
        Session(project / MODEL, "h64").run()
