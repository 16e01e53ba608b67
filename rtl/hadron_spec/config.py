"""The configurations of the NPU: how many lanes, columns and bytes an instance has.

RTL, golden model, compiler and reports all take one :class:`NpuConfig`; nothing else says how big
anything is. Three come ready (`h64`, `h128`, `h256`); a user writes others as TOML.
"""

import tomllib
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from .commands import LOOKUP_ENTRIES, LocalSpace

__all__ = ["CONFIGS", "ConfigError", "NpuConfig", "load_config", "to_toml"]


class ConfigError(ValueError):
    """A configuration that no hardware can be built from; the message names field and limit."""


def _is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


@dataclass(frozen=True, kw_only=True)
class NpuConfig:
    """The size of one NPU instance.

    Parameters
    ----------
    name : str
        What reports and error messages call it.
    lanes : int
        Input lanes T of the array: input bytes consumed a cycle. 16 or 32.
    columns : int
        Output channels K computed side by side, 2 to `lanes`, a power of two.
    dsp_columns : int
        Columns built from packed hardware multipliers (two columns share one multiplier a lane);
        the rest are built from LUTs. Even, 0 to `columns`.
    act_bytes : int
        Activation scratchpad, bytes: a power of two, 2048 bytes a lane or more.
    weight_steps : int
        Depth of the weight memory in steps of `lanes * columns` weights: a power of two, 16 to
        32768. A convolution needs one step a `lanes` input taps, plus one for its parameters.
    softmax_multipliers : int
        Hardware multipliers of the softmax unit, 1 or 4.
    softmax_elements : int
        Elements that the softmax unit holds, 2048 or 4096: a block RAM, or two. A row has one less
        at most.
    axi_data_width : int
        Width of the memory port in bits: 32, 64 or 128, and at most `8 * lanes`.
    nibbles : bool
        LOAD expands weights of four bits (`LocalSpace.NIBBLES`).
    deep : bool
        Activations may have 16 bits.
    row_pairs : bool
        A step may read the end of a kernel row and the beginning of the next (`split`), and LOAD
        writes rows to any byte of the scratchpad, which lays them out for it.
    shallow : bool
        Activations may have four bits, and then run at twice the rate.

    Raises
    ------
    ConfigError
        When a field is outside these limits.
    """

    name: str
    lanes: int
    columns: int
    dsp_columns: int
    act_bytes: int
    weight_steps: int
    softmax_multipliers: int = 1
    softmax_elements: int = 2048
    axi_data_width: int = 128
    nibbles: bool = True
    deep: bool = False
    row_pairs: bool = False
    shallow: bool = False

    def __post_init__(self) -> None:
        def check(field: str, ok: bool, limit: str) -> None:
            if not ok:
                value = getattr(self, field)
                raise ConfigError(
                    f"configuration {self.name!r}: {field}={value!r}, must be {limit}")

        for field in fields(self):
            value = getattr(self, field.name)
            check(field.name, type(value) is field.type, f"of type {field.type}")
        check("lanes", self.lanes in (16, 32), "16 or 32")
        check("columns", 2 <= self.columns <= self.lanes and _is_power_of_two(self.columns),
              f"a power of two from 2 to lanes={self.lanes}")
        check("dsp_columns", 0 <= self.dsp_columns <= self.columns and self.dsp_columns % 2 == 0,
              f"even and from 0 to columns={self.columns}")
        check("act_bytes", _is_power_of_two(self.act_bytes)
              and 2048 * self.lanes <= self.act_bytes <= 1 << 22,
              f"a power of two from {2048 * self.lanes} to {1 << 22}")
        check("weight_steps", _is_power_of_two(self.weight_steps)
              and 16 <= self.weight_steps <= 32768, "a power of two from 16 to 32768")
        check("softmax_multipliers", self.softmax_multipliers in (1, 4), "1 or 4")
        check("softmax_elements", self.softmax_elements in (2048, 4096), "2048 or 4096")
        check("axi_data_width", self.axi_data_width in (32, 64, 128)
              and self.axi_data_width <= 8 * self.lanes, "32, 64 or 128, at most 8 * lanes")

    @property
    def macs_per_cycle(self) -> int:
        """INT8 multiply-accumulates a cycle at full use."""
        return self.lanes * self.columns

    @property
    def step_bytes(self) -> int:
        """Bytes of one step of the weight memory, laid out ``[column][lane]``."""
        return self.lanes * self.columns

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weight memory."""
        return self.weight_steps * self.step_bytes

    @property
    def table_steps(self) -> int:
        """Steps of the weight memory that one table of LOOKUP takes."""
        return 4 * LOOKUP_ENTRIES // self.lanes

    @property
    def softmax_row(self) -> int:
        """Most elements of a row of SOFTMAX."""
        return self.softmax_elements - 1

    @property
    def axi_bytes(self) -> int:
        """Bytes of one beat of the memory port."""
        return self.axi_data_width // 8

    @property
    def spaces(self) -> tuple[LocalSpace, ...]:
        """What LOAD can write."""
        absent = set() if self.nibbles else {LocalSpace.NIBBLES, LocalSpace.SHALLOW_NIBBLES}
        if not self.shallow:
            absent.add(LocalSpace.SHALLOW_NIBBLES)
        return tuple(space for space in LocalSpace if space not in absent)

    def space_bytes(self, space: LocalSpace) -> int:
        """Bytes that LOAD can write in an on-chip space."""
        return {
            LocalSpace.ACTIVATIONS: self.act_bytes,
            LocalSpace.WEIGHTS: self.weight_bytes,
            LocalSpace.TABLE: 4 * LOOKUP_ENTRIES,
            LocalSpace.TABLES: self.weight_steps * self.lanes,
            LocalSpace.NIBBLES: self.weight_bytes // 2,
            LocalSpace.SHALLOW_NIBBLES: self.weight_bytes // 2,
        }[space]


CONFIGS = {
    config.name: config
    for config in (
        # LFE5U-25F: 28 multipliers (16 packed lanes + 8 requantizer + 1 softmax), 56 EBR.
        NpuConfig(name="h64", lanes=16, columns=4, dsp_columns=2, act_bytes=32 << 10,
                  weight_steps=512, axi_data_width=64),
        # LFE5U-45F: 72 multipliers (48 + 16 + 4), 108 EBR.
        NpuConfig(name="h128", lanes=16, columns=8, dsp_columns=6, act_bytes=64 << 10,
                  weight_steps=512, softmax_multipliers=4),
        # LFE5U-85F: 156 multipliers (112 + 32 + 4), 208 EBR.
        NpuConfig(name="h256", lanes=16, columns=16, dsp_columns=14, act_bytes=128 << 10,
                  weight_steps=512, softmax_multipliers=4, row_pairs=True),
    )
}


def load_config(name: str) -> NpuConfig:
    """Return the configuration called `name`, or read it from the TOML file of that path.

    Raises
    ------
    ConfigError
        When there is no such configuration or file, or the file is not a valid configuration.
    """
    if name in CONFIGS:
        return CONFIGS[name]
    path = Path(name)
    if not path.is_file():
        known = ", ".join(CONFIGS)
        raise ConfigError(f"{name}: neither a configuration ({known}) nor a TOML file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: not TOML: {error}") from None
    values.setdefault("name", path.stem)
    known_fields = [field.name for field in fields(NpuConfig)]
    for key in values:
        if key not in known_fields:
            raise ConfigError(f"{name}: unknown field {key!r}; known: {', '.join(known_fields)}")
    missing = [field.name for field in fields(NpuConfig)
               if field.default is MISSING and field.name not in values]
    if missing:
        raise ConfigError(f"{name}: missing: {', '.join(missing)}")
    try:
        return NpuConfig(**values)
    except TypeError as error:
        raise ConfigError(f"{name}: {error}") from None


def to_toml(config: NpuConfig) -> str:
    """Write a configuration as :func:`load_config` reads it."""
    lines = []
    for key, value in asdict(config).items():
        text = f'"{value}"' if isinstance(value, str) else str(value)
        lines.append(f"{key} = {text.lower() if isinstance(value, bool) else text}")
    return "\n".join(lines) + "\n"
