"""Random pauses of handshakes, for stress."""

from dataclasses import dataclass, fields

__all__ = ["Pauses"]


@dataclass(frozen=True, kw_only=True)
class Pauses:
    """What all random pauses have in common; a subclass adds a chance for each channel, 0 to 1.

    Parameters
    ----------
    seed : int
        What the pauses derive from.
    longest : int
        A pause takes 1 to this many cycles.

    Raises
    ------
    ValueError
        When a chance or `longest` is out of range.
    """

    seed: int
    longest: int = 16

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is float and not 0 <= value <= 1:
                raise ValueError(f"stalls: {field.name}={value!r}, must be 0 to 1")
        if self.longest < 1:
            raise ValueError(f"stalls: longest={self.longest!r}, must be 1 or more")
