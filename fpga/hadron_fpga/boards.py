"""Boards Hadron is built for, and what each device holds."""

from dataclasses import dataclass
from typing import Any

from amaranth.build import Platform
from amaranth.hdl import Elaboratable, Module, Signal
from amaranth_boards import ulx3s

from hadron_spec.config import NpuConfig

from .pll import ClockGenerator
from .soc import Soc

__all__ = ["BOARDS", "Board", "BoardTop"]


@dataclass(frozen=True)
class Board:
    """A board: its Amaranth platform, the configuration and memory it takes by default."""

    name: str
    platform: type[Any]
    config: str
    memory_bytes: int
    clock_hz: float

    @property
    def device(self) -> str:
        """Device and speed grade, as data sheets write it."""
        return f"{self.platform.device}-{self.platform.speed}"


BOARDS = {
    board.name: board
    for board in (
        Board("ulx3s-25f", ulx3s.ULX3S_25F_Platform, "h64", 32 << 10, 75e6),
        Board("ulx3s-45f", ulx3s.ULX3S_45F_Platform, "h128", 32 << 10, 75e6),
        Board("ulx3s-85f", ulx3s.ULX3S_85F_Platform, "h256", 128 << 10, 75e6),
    )
}


class BoardTop(Elaboratable):
    """The system on a board: clock, serial line, eight LEDs.

    LED 0 blinks with the clock (about 1 Hz), LED 7 shows the NPU's interrupt.
    """

    def __init__(self, *, board: Board, config: NpuConfig):
        self.board = board
        self.config = config
        self.clock = ClockGenerator(
            output_hz=board.clock_hz,
            input_hz=board.platform.resources[0].clock.frequency)

    def elaborate(self, platform: Platform) -> Module:
        m = Module()
        clock_hz = self.clock.settings.output_hz
        m.submodules.clock = self.clock
        m.submodules.soc = soc = Soc(
            config=self.config, clock_hz=clock_hz, memory_bytes=self.board.memory_bytes)
        uart = platform.request("uart")
        m.d.comb += [soc.rx.eq(uart.rx.i), uart.tx.o.eq(soc.tx)]
        blink = Signal(range(int(clock_hz)))
        m.d.sync += blink.eq(blink + 1)
        m.d.comb += [
            platform.request("led", 0).o.eq(blink[-1]),
            platform.request("led", 7).o.eq(soc.irq),
        ]
        return m
