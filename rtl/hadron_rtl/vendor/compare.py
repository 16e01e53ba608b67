"""A comparison in one carry chain."""

from amaranth.hdl import Value

__all__ = ["is_less"]


def is_less(a: Value, b: Value) -> Value:
    """Return whether `a` is less than `b`, both signed or both unsigned: their difference's sign.

    Yosys (0.66) makes of ``<`` and ``>`` of signed numbers, and of most of unsigned ones, a chain
    and two to four levels of LUTs behind it, for equality and for the signs.
    """
    return (a - b)[-1]
