"""The read port of the loop nest: any byte address, padded outside the picture."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.memory.rotator import Rotator
from hadron_rtl.postproc.delay import delayed
from hadron_rtl.vendor.byte_ram import ByteRam
from hadron_spec.commands import DEEP_OFFSET
from hadron_spec.config import NpuConfig

__all__ = ["ScratchpadReader", "bank_addresses"]


def bank_addresses(m: Module, address: Signal, lanes: int) -> list[Signal]:
    """Split a byte address over banks: bank b is read in the next row when it is below byte 0.

    Parameters
    ----------
    m : Module
        Where the two pipeline stages are added.
    address : Signal
        Byte address of lane 0.
    lanes : int
        Banks, a power of two.

    Returns
    -------
    list of Signal
        Row of each bank, two cycles after `address`.
    """
    offset_bits = (lanes - 1).bit_length()
    offset = address[:offset_bits]
    row = Signal(len(address) - offset_bits, reset_less=True)
    next_row = Signal.like(row, reset_less=True)
    wrapped = Signal(lanes, reset_less=True)
    m.d.sync += [
        row.eq(address[offset_bits:]),
        next_row.eq(address[offset_bits:] + 1),
        wrapped.eq(Cat(offset > bank for bank in range(lanes))),
    ]
    rows = []
    for bank in range(lanes):
        bank_row = Signal.like(row, name=f"row{bank}", reset_less=True)
        m.d.sync += bank_row.eq(Mux(wrapped[bank], next_row, row))
        rows.append(bank_row)
    return rows


class ScratchpadReader(wiring.Component):
    """Turn a step's address, row and byte into `lanes` activations.

    Lane l is scratchpad byte (address + l) modulo the scratchpad's size or, when `bounded`, `pad`
    unless 0 <= y < height and 0 <= x + l < width_bytes.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    address : In
        Byte address of lane 0, modulo ``config.act_bytes``.
    y, x : In(signed(16))
        Row, and byte in the row of lane 0.
    low : In(1)
        The bytes are low ones of a deep step: `pad` then is that of the high ones.
    bounded : In(1)
        Pad what is out of bounds. Stable while steps are in flight, as are the next three.
    pad : In(signed(8))
        Value out of bounds.
    height, width_bytes : In(16)
        Bounds, at most 32767.
    bank_addresses : Out(ArrayLayout(range(rows), lanes))
        To port A of the banks.
    bank_data : In(ArrayLayout(8, lanes))
        From port A, ``ByteRam.LATENCY`` cycles later.
    o : Out(ArrayLayout(signed(8), lanes))
        Activations.

    Latency: ``LATENCY`` cycles. Throughput: one step a cycle.
    """

    ADDRESS_LATENCY = 2
    LATENCY = ADDRESS_LATENCY + ByteRam.LATENCY + Rotator.LATENCY + 1
    _INSIDE_LATENCY = 3

    def __init__(self, config: NpuConfig):
        self.config = config
        lanes = config.lanes
        super().__init__({
            "address": In(range(config.act_bytes)),
            "y": In(signed(16)),
            "x": In(signed(16)),
            "low": In(1),
            "bounded": In(1),
            "pad": In(signed(8)),
            "height": In(16),
            "width_bytes": In(16),
            "bank_addresses": Out(
                data.ArrayLayout(unsigned((config.act_bytes // lanes - 1).bit_length()), lanes)),
            "bank_data": In(data.ArrayLayout(unsigned(8), lanes)),
            "o": Out(data.ArrayLayout(signed(8), lanes)),
        })

    def _inside(self, m):
        """Return a mask of the lanes in bounds, `_INSIDE_LATENCY` cycles after the step."""
        lanes = self.config.lanes
        bits = (lanes - 1).bit_length()
        # Bytes left in the row from lane 0 on; x is kept for the lanes before the row.
        left = Signal(signed(17), reset_less=True)
        x = Signal(signed(16), reset_less=True)
        row_above = Signal(reset_less=True)
        row_below = Signal(reset_less=True)
        m.d.sync += [
            left.eq(self.width_bytes.as_signed() - self.x),
            x.eq(self.x),
            row_above.eq(self.y < 0),
            row_below.eq(self.y >= self.height),
        ]
        # Thermometers: lanes from the row's first byte on, and lanes to its last.
        started = Signal(lanes, reset_less=True)
        not_ended = Signal(lanes, reset_less=True)
        row_inside = Signal(reset_less=True)
        few_before = x[bits:].all()
        m.d.sync += [
            started.eq(Cat(
                ~x[-1] | few_before & (x[:bits] >= (lanes - lane) if lane else Const(0))
                for lane in range(lanes))),
            not_ended.eq(Cat(
                ~left[-1] & (left[bits:-1].any() | (left[:bits] > lane))
                for lane in range(lanes))),
            row_inside.eq(~row_above & ~row_below),
        ]
        inside = Signal(lanes, reset_less=True)
        m.d.sync += inside.eq(
            started & not_ended & row_inside.replicate(lanes) | (~self.bounded).replicate(lanes))
        return inside

    def elaborate(self, platform):
        m = Module()
        lanes = self.config.lanes
        m.submodules.rotator = rotator = Rotator(lanes=lanes, width=8, left=True)
        rows = bank_addresses(m, self.address, lanes)
        m.d.comb += [self.bank_addresses[bank].eq(row) for bank, row in enumerate(rows)]

        offset = self.address[: (lanes - 1).bit_length()]
        m.d.comb += [
            rotator.i.eq(self.bank_data),
            rotator.amount.eq(
                delayed(m, offset, self.ADDRESS_LATENCY + ByteRam.LATENCY, name="offset")),
        ]

        inside = delayed(m, self._inside(m), self.LATENCY - 1 - self._INSIDE_LATENCY, name="inside")
        pad = self.pad
        if self.config.deep:
            pad = Signal(signed(8), reset_less=True)
            low = delayed(m, self.low, self.LATENCY - 2, name="low")
            m.d.sync += pad.eq(self.pad ^ Mux(low, DEEP_OFFSET, 0))
        padded = Signal(self.o.shape(), reset_less=True)
        m.d.sync += [
            padded[lane].eq(Mux(inside[lane], rotator.o[lane].as_signed(), pad))
            for lane in range(lanes)
        ]
        m.d.comb += self.o.eq(padded)
        return m
