"""The compiled program: files, bindings, layers, determinism."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hadron_compiler import CompileError, Program, compile_model
from hadron_spec.commands import Opcode, iterate
from hadron_spec.config import CONFIGS
from hadron_testing.random_models import Case, random_network


@pytest.fixture
def case(rng: np.random.Generator) -> Case:
    return random_network(rng)


@pytest.fixture
def program(case: Case) -> Program:
    return compile_model(case.model, CONFIGS["h128"], name="net.tflite")


def test_same_model_same_bytes(case: Case, program: Program) -> None:
    again = compile_model(case.model, CONFIGS["h128"], name="net.tflite")
    assert again == program


def test_save_and_load(program: Program, tmp_path: Path) -> None:
    program.save(tmp_path / "out")
    assert Program.load(tmp_path / "out") == program
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "memory.bin", "program.h", "program.json"]


def test_saving_twice_writes_the_same_bytes(program: Program, tmp_path: Path) -> None:
    for name in ("a", "b"):
        program.save(tmp_path / name)
    for file in ("memory.bin", "program.h", "program.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_failed_save_leaves_the_old_file(program: Program, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    program.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        program.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_header_compiles_as_c(program: Program, tmp_path: Path) -> None:
    program.save(tmp_path)
    source = tmp_path / "use.c"
    source.write_text('#include "program.h"\n'
                      f"_Static_assert(HADRON_PROGRAM_INPUT0_OFFSET == {program.inputs[0].offset}"
                      ', "offset");\nint zero_point = HADRON_PROGRAM_INPUT0_ZERO_POINT;\n')
    subprocess.run([sys.executable, "-m", "ziglang", "cc", "-c", "-std=c11", "-Wall", "-Werror",
                    str(source), "-o", str(tmp_path / "use.o")], check=True)


def test_load_refuses_what_is_no_program(program: Program, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"program.json is missing"):
        Program.load(tmp_path)
    program.save(tmp_path)
    (tmp_path / "memory.bin").write_bytes(program.memory[:-1])
    with pytest.raises(CompileError, match=f"memory.bin has {len(program.memory) - 1} bytes"):
        Program.load(tmp_path)
    (tmp_path / "program.json").write_text("{}")
    with pytest.raises(CompileError, match="not a compiled program"):
        Program.load(tmp_path)
    values = program.description() | {"format": 99}
    (tmp_path / "program.json").write_text(json.dumps(values))
    with pytest.raises(CompileError, match="program format 99, must be 2"):
        Program.load(tmp_path)


def test_bindings_are_aligned_and_disjoint(case: Case, program: Program) -> None:
    ranges = sorted((b.offset, b.offset + b.size) for b in program.inputs + program.outputs)
    assert ranges[0][0] >= len(program.memory)
    assert ranges[-1][1] <= program.region_bytes
    assert all(end <= start for (_, end), (start, _) in pairwise(ranges))
    assert all(start % 64 == 0 for start, _ in ranges)
    assert program.inputs[0].shape == case.inputs[0].shape
    assert program.outputs[0].scale == 1 / 256


def test_layers_account_for_the_work(case: Case, program: Program) -> None:
    assert [layer.index for layer in program.layers] == list(range(len(program.layers)))
    assert program.layers[-1].op == "SOFTMAX"
    assert program.layers[-1].name == case.output.name
    assert program.macs == sum(layer.macs for layer in program.layers) > 0
    assert sum(layer.cycles for layer in program.layers) <= program.cycles
    assert sum(layer.bytes_stored for layer in program.layers) == program.outputs[0].size


def test_commands_end_with_end_and_name_their_layer(program: Program) -> None:
    size = program.command_count * 128
    commands = list(iterate(program.memory[program.command_offset:program.command_offset + size]))
    assert len(commands) == program.command_count
    assert commands[-1]["opcode"] == Opcode.END
    layers = [command["layer"] for command in commands
              if command["opcode"] not in (Opcode.LOAD, Opcode.STORE)]
    assert layers == sorted(layers)
    assert set(layers) == set(range(len(program.layers)))
