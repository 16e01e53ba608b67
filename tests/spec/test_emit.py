"""The generated files: current, well formed, and saying what the specification says."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import CONFIGS
from hadron_spec.emit import (
    OUTPUTS,
    c_header,
    commands_page,
    configurations_page,
    isp_c_header,
    svd,
)
from hadron_spec.emit.__main__ import main
from hadron_spec.errors import ErrorCode
from hadron_spec.isp.registers import ISP_BASE, ISP_REGISTERS
from hadron_spec.registers import REGISTERS, Access


@pytest.mark.parametrize("name", OUTPUTS)
def test_committed_output_is_current(project: Path, name: str) -> None:
    text = (project / name).read_text(encoding="utf-8")
    assert text == OUTPUTS[name](), f"{name} is stale: run python -m hadron_spec.emit"


def test_check_names_missing_and_stale_files(tmp_path: Path, capsys) -> None:
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--root", str(tmp_path), "--check"]) == 0
    capsys.readouterr()
    (tmp_path / "firmware/hadron.svd").write_text("old")
    (tmp_path / "docs/reference/commands.md").unlink()
    assert main(["--root", str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "stale: firmware/hadron.svd (run python -m hadron_spec.emit)",
        "stale: docs/reference/commands.md (run python -m hadron_spec.emit)",
    ]


def _defines(header: str) -> dict[str, int]:
    found = re.findall(r"^#define (HADRON_\w+) +(0x[0-9a-f]+|\d+)u?\b", header, re.MULTILINE)
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), "a macro is defined twice"
    return {name: int(value, 0) for name, value in found}


def test_header_has_every_register_and_field() -> None:
    defines = _defines(c_header())
    for register in REGISTERS:
        assert defines[f"HADRON_REG_{register.name}"] == register.offset
        for field in register.fields:
            prefix = f"HADRON_{register.name}_{field.name}"
            assert defines[f"{prefix}_SHIFT"] == field.lsb
            assert defines[f"{prefix}_MASK"] == ((1 << field.width) - 1) << field.lsb


def test_isp_header_has_every_register_field_and_table() -> None:
    defines = _defines(isp_c_header())
    for register in ISP_REGISTERS:
        assert defines[f"HADRON_ISP_REG_{register.name}"] == register.offset
        for field in register.fields:
            prefix = f"HADRON_ISP_{register.name}_{field.name}"
            assert defines[f"{prefix}_SHIFT"] == field.lsb
            assert defines[f"{prefix}_MASK"] == ((1 << field.width) - 1) << field.lsb
    assert defines["HADRON_ISP_SHADING_MESH_SIZE_2"] == 4
    assert defines["HADRON_ISP_SHADING_MESH_STRIDE_0"] == 128


def test_header_has_every_error_code() -> None:
    enumerators = dict(re.findall(r"^ +HADRON_ERROR_(\w+) = (\d+),", c_header(), re.MULTILINE))
    assert enumerators == {code.name: str(code.value) for code in ErrorCode}


def test_header_macros_and_enumerators_do_not_collide() -> None:
    header = c_header()
    enumerators = re.findall(r"^ +(HADRON_\w+) =", header, re.MULTILINE)
    assert not set(enumerators) & set(_defines(header))


@pytest.mark.parametrize("peripheral", ["NPU", "ISP"])
def test_svd_parses_and_has_every_register(peripheral: str) -> None:
    root = ElementTree.fromstring(svd().encode())
    peripherals = {p.findtext("name"): p for p in root.findall("./peripherals/peripheral")}
    assert int(peripherals["ISP"].findtext("baseAddress"), 0) == ISP_BASE
    contents = REGISTERS if peripheral == "NPU" else ISP_REGISTERS
    elements = peripherals[peripheral].findall("./registers/register")
    assert [(e.findtext("name"), int(e.findtext("addressOffset"), 0)) for e in elements] == [
        (r.name, r.offset) for r in contents]
    for element, register in zip(elements, contents, strict=True):
        clears = element.findtext("modifiedWriteValues") == "oneToClear"
        assert clears == (register.access is Access.W1C)
        fields = [(f.findtext("name"), int(f.findtext("bitOffset")), int(f.findtext("bitWidth")))
                  for f in element.findall("./fields/field")]
        assert fields == [(f.name, f.lsb, f.width) for f in register.fields]


def test_command_reference_has_every_opcode_and_field() -> None:
    page = commands_page()
    for opcode in Opcode:
        assert f"| `{opcode.value:#04x}` | {opcode.name} |" in page
        for name in FIELDS[opcode]:
            assert f"| `{name}` |" in page


def test_configuration_reference_has_every_configuration() -> None:
    page = configurations_page()
    assert f"| field | {' | '.join(CONFIGS)} |" in page


@pytest.mark.parametrize("name", OUTPUTS)
def test_output_does_not_depend_on_when_or_where(project: Path, name: str) -> None:
    text = OUTPUTS[name]()
    assert text == OUTPUTS[name]()
    assert not re.search(r"\b20\d\d-\d\d|/home/|/tmp/", text)
    assert not re.search(rf"(?<![\w/]){re.escape(str(project))}\b", text)
    assert text.endswith("\n")
    assert not re.search(r"[ \t]\n", text)
