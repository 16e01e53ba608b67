"""The register map: aligned, without overlaps, documented."""

import pytest

from hadron_spec.config import NpuConfig
from hadron_spec.registers import (
    ID,
    REGISTER_SPACE_BYTES,
    REGISTERS,
    VERSION,
    Register,
    register,
)


def test_names_and_offsets_are_unique() -> None:
    assert len({r.name for r in REGISTERS}) == len(REGISTERS)
    assert len({r.offset for r in REGISTERS}) == len(REGISTERS)
    assert [r.offset for r in REGISTERS] == sorted(r.offset for r in REGISTERS)


@pytest.mark.parametrize("r", REGISTERS, ids=lambda r: r.name)
def test_register_is_an_aligned_word_inside_the_space(r: Register) -> None:
    assert r.offset % 4 == 0
    assert 0 <= r.offset <= REGISTER_SPACE_BYTES - 4
    assert 0 <= r.reset < 1 << 32
    assert r.doc.endswith(".")


@pytest.mark.parametrize("r", REGISTERS, ids=lambda r: r.name)
def test_fields_do_not_overlap(r: Register) -> None:
    taken = 0
    for field in r.fields:
        mask = ((1 << field.width) - 1) << field.lsb
        assert field.width > 0
        assert mask < 1 << 32
        assert not taken & mask, f"{r.name}.{field.name} overlaps another field"
        taken |= mask
    assert len({field.name for field in r.fields}) == len(r.fields)


def test_id_spells_hdrn_in_memory_order() -> None:
    assert ID.to_bytes(4, "little") == b"HDRN"
    assert register("ID").reset == ID


def test_version_resets_to_the_version() -> None:
    reset = register("VERSION").reset
    fields = {f.name: reset >> f.lsb & 0xFF for f in register("VERSION").fields}
    assert (fields["MAJOR"], fields["MINOR"], fields["PATCH"]) == VERSION


def test_config_registers_hold_the_largest_configuration() -> None:
    largest = NpuConfig(name="largest", lanes=32, columns=32, dsp_columns=32, act_bytes=1 << 22,
                        weight_steps=32768)
    widths = {f.name: f.width for n in ("CONFIG0", "CONFIG1") for f in register(n).fields}
    assert largest.lanes < 1 << widths["LANES"]
    assert largest.columns < 1 << widths["COLUMNS"]
    assert largest.axi_bytes < 1 << widths["AXI_BYTES"]
    assert largest.act_bytes // 1024 < 1 << widths["ACT_KIB"]
    assert largest.weight_steps < 1 << widths["WEIGHT_STEPS"]
