"""Commands: fields that do not overlap, encoding that decodes, checksums that catch."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_spec.commands import (
    CHECKSUM_SEED,
    COMMAND_BYTES,
    COMMAND_WORDS,
    FIELDS,
    HEADER_BYTES,
    LEVELS,
    OTHER_UNITS,
    PARAMETERS,
    CommandError,
    Opcode,
    Unit,
    checksum,
    decode,
    encode,
    iterate,
    pack_parameters,
    unit_of,
    unpack_parameters,
)


def _settable(opcode: Opcode) -> dict:
    return {k: f for k, f in FIELDS[opcode].items() if k not in ("opcode", "checksum")}


@st.composite
def _command(draw: st.DrawFn) -> tuple[Opcode, dict[str, int]]:
    opcode = draw(st.sampled_from(Opcode))
    values = {}
    for name, field in _settable(opcode).items():
        ends = st.sampled_from([field.minimum, field.maximum, 0])
        values[name] = draw(ends | st.integers(field.minimum, field.maximum))
    return opcode, values


@pytest.mark.parametrize("opcode", Opcode)
def test_fields_do_not_overlap(opcode: Opcode) -> None:
    owner: dict[tuple[int, int], str] = {}
    for name, field in FIELDS[opcode].items():
        assert 0 <= field.word < COMMAND_WORDS
        assert field.lsb >= 0
        assert field.lsb + field.width <= 32
        for bit in range(field.lsb, field.lsb + field.width):
            other = owner.setdefault((field.word, bit), name)
            assert other == name, f"{opcode.name}: {name} and {other} share bit {bit}"


@pytest.mark.parametrize("opcode", Opcode)
def test_every_field_is_documented(opcode: Opcode) -> None:
    assert all(field.doc.endswith(".") for field in FIELDS[opcode].values())


def test_every_level_has_a_count_and_three_steps() -> None:
    for level in LEVELS:
        assert {f"count_{level}", f"{level}_address", f"{level}_y", f"{level}_x"} <= set(
            FIELDS[Opcode.MATRIX])


@given(_command())
def test_decode_undoes_encode(command: tuple[Opcode, dict[str, int]]) -> None:
    opcode, values = command
    data = encode(opcode, **values)
    assert len(data) == COMMAND_BYTES
    decoded = decode(data)
    assert decoded.pop("opcode") == opcode
    decoded.pop("checksum")
    assert decoded == values


@given(_command(), st.integers(0, 8 * COMMAND_BYTES - 1))
def test_checksum_catches_any_single_bit(command, bit: int) -> None:
    opcode, values = command
    data = bytearray(encode(opcode, **values))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CommandError, match="checksum mismatch"):
        decode(bytes(data))


def test_checksum_matches_a_bitwise_formulation() -> None:
    words = [0x8000_0001, 0xFFFF_FFFF, 0, 0x1234_5678]
    bits = f"{CHECKSUM_SEED:032b}"
    for word in words:
        rotated = bits[1:] + bits[0]
        bits = "".join("1" if a != b else "0" for a, b in zip(rotated, f"{word:032b}", strict=True))
    assert checksum(words) == int(bits, 2)


def test_checksum_depends_on_the_order_of_words(rng: np.random.Generator) -> None:
    words = [int(word) for word in rng.integers(0, 1 << 32, 6)]
    assert len({checksum(order) for order in itertools.permutations(words)}) == 720


def test_all_zero_memory_is_not_a_command() -> None:
    with pytest.raises(CommandError, match="checksum mismatch"):
        decode(bytes(COMMAND_BYTES))


def test_encode_names_field_value_and_range() -> None:
    message = "LOAD: rows=65536, must be 0 to 65535"
    with pytest.raises(CommandError, match=f"^{re.escape(message)}$"):
        encode(Opcode.LOAD, rows=1 << 16)
    message = "MATRIX: zero_point=-129, must be -128 to 127"
    with pytest.raises(CommandError, match=f"^{re.escape(message)}$"):
        encode(Opcode.MATRIX, zero_point=-129)


@pytest.mark.parametrize("name", ["nonsense", "checksum", "count_kg"])
def test_encode_refuses_a_field_the_opcode_lacks(name: str) -> None:
    with pytest.raises(CommandError, match=f"^LOAD has no field '{name}'$"):
        encode(Opcode.LOAD, **{name: 1})


def test_decode_refuses_a_wrong_length() -> None:
    with pytest.raises(CommandError, match=r"^a command has 128 bytes, not 127$"):
        decode(encode(Opcode.END)[:-1])


def test_decode_refuses_an_unknown_opcode() -> None:
    words = [0xEE] + [0] * (COMMAND_WORDS - 1)
    words[1] = checksum(words[:1] + words[2:])
    with pytest.raises(CommandError, match=r"^unknown opcode 0xee$"):
        decode(b"".join(word.to_bytes(4, "little") for word in words))


def test_iterate_stops_at_end() -> None:
    program = encode(Opcode.MAX, layer=3) + encode(Opcode.END) + b"not a command"
    assert [values["opcode"] for values in iterate(program)] == [Opcode.MAX, Opcode.END]


def test_units_of_opcodes() -> None:
    assert unit_of(Opcode.END) is None
    assert unit_of(Opcode.STORE) is Unit.STORE
    executed = {opcode for opcode in Opcode if unit_of(opcode) is Unit.EXECUTE}
    assert executed == {Opcode.MATRIX, Opcode.MAX, Opcode.LOOKUP, Opcode.SOFTMAX, Opcode.DEPTHWISE}
    for unit, others in OTHER_UNITS.items():
        assert len(others) == 2
        assert unit not in others


def test_parameters_fill_the_header_without_gaps() -> None:
    end = 0
    for offset, size in PARAMETERS.values():
        assert offset == end
        end = offset + size
    assert end == HEADER_BYTES


@given(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(0, (1 << 31) - 1),
       st.integers(-31, 7))
def test_parameters_round_trip(bias: int, multiplier: int, shift: int) -> None:
    data = pack_parameters(bias, multiplier, shift)
    assert len(data) == HEADER_BYTES
    assert unpack_parameters(data) == (bias, multiplier, shift)
