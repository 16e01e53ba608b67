"""A register that synthesis does not merge with others of the same contents."""

from amaranth.hdl import Module, Signal, Value

__all__ = ["own_register"]


def own_register(m: Module, value: Value, *, name: str) -> Signal:
    """Return `value` as it was a cycle ago, from a register for this one reader.

    What is chosen once a command is read by all columns. One register of it would be far from most
    of them; synthesis makes one of many that are alike, unless they are kept
    (`hadron_fpga.hierarchy.keep`).
    """
    register = Signal(value.shape(), name=name, reset_less=True, attrs={"keep": 1})
    m.d.sync += register.eq(value)
    return register
