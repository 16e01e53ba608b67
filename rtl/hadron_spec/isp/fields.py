"""How a stage declares its settings: once, for registers, RTL, golden model and tuning files."""

from dataclasses import dataclass, field, fields
from math import prod
from typing import Any

__all__ = ["Setting", "SettingsError", "StageSettings", "is_table", "setting", "settings_of"]


class SettingsError(ValueError):
    """A setting out of its limits; the message names stage, setting, value and limit."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known of one setting besides its value.

    Parameters
    ----------
    bits : int
        Bits of a value, the sign included.
    doc : str
        One sentence, as the register reference prints it.
    signed : bool
        Two's complement.
    fraction : int
        Bits after the binary point: the value stands for ``value / 2**fraction``.
    low, high : int or None
        Limits, where they are narrower than what `bits` can hold.
    shape : tuple of int
        Empty for one number; otherwise the value is a flat tuple in C order.
    labels : tuple of str
        Names of the elements along the only dimension; numbers where empty.
    table : bool
        Held in double-banked memory and written through the table window instead of registers.
    name : str
        Filled in by :func:`settings_of`.
    """

    bits: int
    doc: str
    signed: bool = False
    fraction: int = 0
    low: int | None = None
    high: int | None = None
    shape: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    table: bool = False
    name: str = ""

    @property
    def limits(self) -> tuple[int, int]:
        """Lowest and highest value."""
        low = -(1 << self.bits - 1) if self.signed else 0
        high = (1 << self.bits - self.signed) - 1
        return low if self.low is None else self.low, high if self.high is None else self.high

    @property
    def format(self) -> str:
        """How a number is written: integer bits, the sign included, and fraction bits."""
        return f"{'S' if self.signed else 'U'}{self.bits - self.fraction}.{self.fraction}"

    @property
    def count(self) -> int:
        """Numbers in the value."""
        return prod(self.shape)

    @property
    def strides(self) -> tuple[int, ...]:
        """Table address of a step along each dimension.

        All dimensions but the first are padded to powers of two, so that hardware finds an
        element's indices by slicing its address.
        """
        strides = [1]
        for size in reversed(self.shape[1:]):
            strides.append(strides[-1] << (size - 1).bit_length())
        return tuple(reversed(strides))

    @property
    def address_bits(self) -> int:
        """Bits of a table address."""
        return (self.strides[0] * self.shape[0] - 1).bit_length()


def setting(default: object, **metadata: Any) -> Any:
    """Declare a field of a stage's settings: its default and the arguments of `Setting`."""
    return field(default=default, metadata={"setting": Setting(**metadata)})


def settings_of(stage: type["StageSettings"]) -> tuple[Setting, ...]:
    """Return what is known of each setting of a stage, in the order of declaration."""
    return tuple(Setting(**{**vars(f.metadata["setting"]), "name": f.name}) for f in fields(stage))


def is_table(stage: type["StageSettings"], name: str) -> bool:
    """Tell whether a setting is a table."""
    return next(s for s in settings_of(stage) if s.name == name).table


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """Base of the settings of one stage; checks every value against its declaration.

    Raises
    ------
    SettingsError
        When a value is outside its limits or a tuple has the wrong length.
    """

    enable: int = setting(0, bits=1, doc="Use the stage; otherwise pixels pass unchanged.")

    def __post_init__(self) -> None:
        stage = type(self).__name__.removesuffix("Settings")
        for known in settings_of(type(self)):
            value = getattr(self, known.name)
            low, high = known.limits
            if known.shape:
                if not isinstance(value, tuple) or len(value) != known.count:
                    size = len(value) if isinstance(value, tuple) else type(value).__name__
                    raise SettingsError(f"{stage}.{known.name} has {size} values, must be a tuple "
                                        f"of {known.count}")
                values = value
            else:
                values = (value,)
            for i, number in enumerate(values):
                if not isinstance(number, int) or not low <= number <= high:
                    at = f"[{i}]" if known.shape else ""
                    raise SettingsError(f"{stage}.{known.name}{at}={number!r}, must be an integer "
                                        f"from {low} to {high}")
