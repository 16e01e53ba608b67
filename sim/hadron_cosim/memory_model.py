"""The memory behind the NPU's AXI4 port: two timing models, random stalls, injected errors."""

from dataclasses import dataclass, replace

from hadron_cosim.pauses import Pauses

__all__ = ["FAST", "MEMORY_MODELS", "SDRAM", "BusErrors", "MemoryModel", "Stalls", "memory_model"]


@dataclass(frozen=True, kw_only=True)
class MemoryModel:
    """How long the memory takes. Times are in cycles of the NPU's clock.

    Parameters
    ----------
    name : str
        What reports call it.
    sdram : bool
        False: reads and writes have a full-width port each; a read's first beat comes `latency`
        cycles after its address was taken and the rest one a cycle, bursts overlap; a write's
        response comes `latency` cycles after its last beat. True: one SDR SDRAM, one burst at a
        time, oldest first.
    latency : int
        See `sdram`; not used when that is true.
    outstanding : int
        Bursts taken in each direction before an address has to wait.
    bytes_per_cycle : int
        SDRAM: bytes a cycle on its pins at best.
    row_bytes, banks : int
        SDRAM: bytes of a row; banks, each of which keeps one row open. Rows go round the banks.
    row_activate, row_precharge : int
        SDRAM: tRCD, paid for every row that is opened; tRP, paid besides when another was open.
    cas : int
        SDRAM: from a beat's last transfer on the pins to the AXI port (CAS latency and registers).
    refresh_interval, refresh_cycles : int
        SDRAM: tREFI and tRFC. A refresh closes all rows.
    """

    name: str
    sdram: bool = False
    latency: int = 32
    outstanding: int = 16
    bytes_per_cycle: int = 2
    row_bytes: int = 1024
    banks: int = 4
    row_activate: int = 2
    row_precharge: int = 2
    cas: int = 5
    refresh_interval: int = 780
    refresh_cycles: int = 7


FAST = MemoryModel(name="fast")
"""On-chip memory behind an interconnect: what Vela's Sram_Only assumes."""

SDRAM = MemoryModel(name="sdram", sdram=True)
"""The 16-bit SDR SDRAM of the ULX3S at the NPU's clock, 100 MHz: tRCD and tRP 20 ns, tRFC 70 ns,
CL 3, 8192 refreshes in 64 ms, rows of 1 KB (IS42S16160G datasheet, speed grade 7)."""

MEMORY_MODELS = {model.name: model for model in (FAST, SDRAM)}


def memory_model(model: str | MemoryModel) -> MemoryModel:
    """Return the model of that name; a model is returned as it is.

    Raises
    ------
    ValueError
        When there is no such model.
    """
    if isinstance(model, MemoryModel):
        return model
    if model not in MEMORY_MODELS:
        raise ValueError(f"memory model {model!r}, must be one of {', '.join(MEMORY_MODELS)}")
    return MEMORY_MODELS[model]


@dataclass(frozen=True, kw_only=True)
class Stalls(Pauses):
    """Random pauses on the channels of the memory port; `seed` and `longest` as in `Pauses`.

    Parameters
    ----------
    ar, r, aw, w, b : float
        Chance that a pause begins in a cycle, 0 to 1: READY withheld on the channels the NPU
        drives, VALID on the others (never taken back).
    """

    ar: float = 0.0
    r: float = 0.0
    aw: float = 0.0
    w: float = 0.0
    b: float = 0.0

    @classmethod
    def everywhere(cls, seed: int, chance: float = 0.1, longest: int = 16) -> "Stalls":
        """Pauses of the same chance on every channel."""
        return replace(cls(seed=seed), ar=chance, r=chance, aw=chance, w=chance, b=chance,
                       longest=longest)


@dataclass(frozen=True, kw_only=True)
class BusErrors:
    """Byte addresses whose beats are answered with SLVERR.

    Accesses outside the memory are always answered with DECERR.
    """

    read: int | None = None
    write: int | None = None
