"""Configurations: ready-made ones, TOML, and a message for every limit."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from hadron_spec.config import CONFIGS, ConfigError, NpuConfig, load_config, to_toml

GOOD = {"name": "mine", "lanes": 16, "columns": 8, "dsp_columns": 8, "act_bytes": 65536,
        "weight_steps": 256, "axi_data_width": 64}

BAD = [
    ("lanes", 24, "16 or 32"),
    ("lanes", 16.0, "of type <class 'int'>"),
    ("lanes", True, "of type <class 'int'>"),
    ("name", 3, "of type <class 'str'>"),
    ("columns", 1, "a power of two from 2 to lanes=16"),
    ("columns", 32, "a power of two from 2 to lanes=16"),
    ("columns", 12, "a power of two from 2 to lanes=16"),
    ("dsp_columns", 3, "even and from 0 to columns=8"),
    ("dsp_columns", 10, "even and from 0 to columns=8"),
    ("dsp_columns", -2, "even and from 0 to columns=8"),
    ("act_bytes", 16384, "a power of two from 32768 to 4194304"),
    ("act_bytes", 40000, "a power of two from 32768 to 4194304"),
    ("act_bytes", 1 << 23, "a power of two from 32768 to 4194304"),
    ("weight_steps", 8, "a power of two from 16 to 32768"),
    ("weight_steps", 100, "a power of two from 16 to 32768"),
    ("weight_steps", 65536, "a power of two from 16 to 32768"),
    ("softmax_elements", 1024, "2048 or 4096"),
    ("softmax_elements", 8192, "2048 or 4096"),
    ("axi_data_width", 256, "32, 64 or 128, at most 8 * lanes"),
]


@pytest.mark.parametrize(("field", "value", "limit"), BAD)
def test_a_bad_field_is_named_with_its_value_and_limit(field, value, limit: str) -> None:
    name = value if field == "name" else "mine"
    message = f"configuration {name!r}: {field}={value!r}, must be {limit}"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        NpuConfig(**{**GOOD, field: value})


@pytest.mark.parametrize("name", ["h64", "h128", "h256"])
def test_ready_made_configurations(name: str) -> None:
    config = load_config(name)
    assert config is CONFIGS[name]
    assert config.name == name
    assert config.macs_per_cycle == int(name[1:])
    assert config.weight_bytes == config.weight_steps * config.step_bytes


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        CONFIGS["h64"].lanes = 32  # type: ignore[misc]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_toml_round_trip(tmp_path: Path, config: NpuConfig) -> None:
    path = tmp_path / "copy.toml"
    path.write_text(to_toml(config), encoding="utf-8")
    assert asdict(load_config(str(path))) == asdict(config)


def test_toml_takes_its_name_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    lines = to_toml(NpuConfig(**GOOD)).splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("name")))
    assert load_config(str(path)).name == "tiny"


def test_unknown_name_lists_the_known_ones() -> None:
    message = "h512: neither a configuration (h64, h128, h256) nor a TOML file"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        load_config("h512")


@pytest.mark.parametrize(("text", "message"), [
    ("lanes = ", "not TOML"),
    ("lane = 16", "unknown field 'lane'; known: name, lanes, columns"),
    ("lanes = 16", "missing: columns, dsp_columns, act_bytes, weight_steps"),
    ("lanes = 24\ncolumns = 8\ndsp_columns = 8\nact_bytes = 65536\nweight_steps = 256\n",
     "configuration 'bad': lanes=24, must be 16 or 32"),
])
def test_a_bad_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_config(str(path))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not TOML"):
        load_config(str(path))
