"""A chain of registers that keeps a value beside a pipeline."""

from amaranth.hdl import Module, Signal, Value

__all__ = ["delayed"]


def delayed(m: Module, value: Value, cycles: int, *, name: str) -> Value:
    """Return `value` as it was `cycles` cycles ago; 0 cycles is `value` itself.

    The registers are not reset: what passes through is data, never a valid bit.
    """
    for cycle in range(cycles):
        register = Signal(value.shape(), name=f"{name}_{cycle + 1}", reset_less=True)
        m.d.sync += register.eq(value)
        value = register
    return value
