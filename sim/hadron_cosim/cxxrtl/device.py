"""What every simulated device has: a clock, reset, registers over AXI4-Lite and checks."""

import ctypes
from typing import ClassVar

__all__ = ["SimulatedDevice"]


class SimulatedDevice:
    """A device of a loaded library; every call advances the same clock.

    Parameters
    ----------
    library : ctypes.CDLL
        With the signatures of its functions set.
    """

    ADDRESS_DIGITS: ClassVar[int]
    """Hexadecimal digits of a register's address in messages."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._handle = library.hadron_create()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle:
            self._library.hadron_destroy(handle)
            self._handle = None

    def reset(self, cycles: int = 4) -> None:
        """Hold `rst` for some cycles; what has not been taken from streams is forgotten."""
        self._library.hadron_reset(self._handle, cycles)

    def write(self, address: int, value: int) -> None:
        """Write a register over AXI4-Lite.

        Raises
        ------
        TimeoutError
            When the device does not answer.
        """
        if not self._library.hadron_write(self._handle, address, value & 0xFFFF_FFFF):
            raise TimeoutError(f"no answer to a write of register {self._named(address)}")

    def read(self, address: int) -> int:
        """Read a register over AXI4-Lite.

        Raises
        ------
        TimeoutError
            When the device does not answer.
        """
        value = ctypes.c_uint32()
        if not self._library.hadron_read(self._handle, address, ctypes.byref(value)):
            raise TimeoutError(f"no answer to a read of register {self._named(address)}")
        return value.value

    def _named(self, address: int) -> str:
        return f"{address:#0{self.ADDRESS_DIGITS + 2}x}"

    @property
    def violations(self) -> list[str]:
        """Broken rules of the buses and streams, the first eight."""
        return str(self._library.hadron_violations(self._handle).decode()).splitlines()

    def clear(self) -> None:
        """Forget violations, and what was recorded."""
        self._library.hadron_clear(self._handle)
