"""The read port of the loop nest: any byte address, padded outside the picture."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.memory.rotator import Rotator
from hadron_rtl.postproc.delay import delayed
from hadron_rtl.vendor.byte_ram import ByteRam
from hadron_spec.commands import DEEP_OFFSET
from hadron_spec.config import NpuConfig

__all__ = ["ScratchpadReader", "bank_addresses"]


def bank_addresses(m: Module, address: Signal, lanes: int, *, split: Value | None = None,
                   further: Value | None = None) -> list[Signal]:
    """Split a byte address over banks: bank b is read in the next row when it is below byte 0.

    With `split`, lanes from that one on are `further` rows on; what enables it is its top bit.

    Parameters
    ----------
    m : Module
        Where the two pipeline stages are added.
    address : Signal
        Byte address of lane 0.
    lanes : int
        Banks, a power of two.
    split, further : Value, optional
        Together with `address`: a lane with an enable above it; stable: rows.

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
    near, next_near = row, next_row
    if split is not None:
        far, next_far = Signal.like(row, reset_less=True), Signal.like(row, reset_less=True)
        beyond = Signal(lanes, reset_less=True)
        end = Signal(offset_bits + 1)
        successor = Cat(1, address[offset_bits:]) + Cat(1, further)
        m.d.comb += end.eq(offset + split[:offset_bits])
        m.d.sync += [
            far.eq(address[offset_bits:] + further),
            next_far.eq(successor[1:]),
            # The banks that are not in the ring from lane 0 to the last before `split`.
            beyond.eq(Cat(
                split[-1] & Mux(end[-1], (offset > bank) & (end[:-1] <= bank),
                                (offset > bank) | (end[:-1] <= bank))
                for bank in range(lanes))),
        ]
    rows = []
    for bank in range(lanes):
        bank_row = Signal.like(row, name=f"row{bank}", reset_less=True)
        if split is not None:
            near = Mux(beyond[bank], far, row)
            next_near = Mux(beyond[bank], next_far, next_row)
        m.d.sync += bank_row.eq(Mux(wrapped[bank], next_near, near))
        rows.append(bank_row)
    return rows


class ScratchpadReader(wiring.Component):
    """Turn a step's address, row and byte into `lanes` activations.

    Lane l is scratchpad byte (address + l) modulo the scratchpad's size or, when `bounded`, `pad`
    unless 0 <= y < height and 0 <= x + l < width_bytes. With `split`, the lanes from `splits_at` on
    have an address that is ``lanes * split_rows`` further, the next y, and an x less `split`: they
    go on with the next row, in the banks that follow.

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
    splits_at : In(range(lanes))
        Lane, where there is a `split`.
    low : In(1)
        The bytes are low ones of a deep step: `pad` then is that of the high ones.
    bounded : In(1)
        Pad what is out of bounds. Stable while steps are in flight, as are the next five.
    pad : In(signed(8))
        Value out of bounds.
    height, width_bytes : In(16)
        Bounds, at most 32767. Stable since two cycles before the first step, as are the next three.
    split : In(5)
        Lanes, modulo `lanes`; 0 is none. Without `row_pairs` there is none.
    split_rows : In
        Rows of the banks, modulo all.
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
    _INSIDE_LATENCY = 4

    def __init__(self, config: NpuConfig):
        self.config = config
        lanes = config.lanes
        super().__init__({
            "address": In(range(config.act_bytes)),
            "y": In(signed(16)),
            "x": In(signed(16)),
            "splits_at": In(range(lanes)),
            "low": In(1),
            "bounded": In(1),
            "pad": In(signed(8)),
            "height": In(16),
            "width_bytes": In(16),
            "split": In(5),
            "split_rows": In(range(config.act_bytes // lanes)),
            "bank_addresses": Out(
                data.ArrayLayout(unsigned((config.act_bytes // lanes - 1).bit_length()), lanes)),
            "bank_data": In(data.ArrayLayout(unsigned(8), lanes)),
            "o": Out(data.ArrayLayout(signed(8), lanes)),
        })

    def _in_row(self, m, name, x, left, row_inside):
        """Return a mask of the lanes in bounds from registers: x of lane 0, bytes left from there
        on, and whether the row is inside."""
        lanes = self.config.lanes
        bits = (lanes - 1).bit_length()
        # What the upper bits say, then thermometers: lanes from the row's first byte on, and lanes
        # to its last.
        begun = Signal(name=f"begun{name}", reset_less=True)
        begins = Signal(name=f"begins{name}", reset_less=True)
        first = Signal(bits, name=f"first{name}", reset_less=True)
        over = Signal(name=f"over{name}", reset_less=True)
        many = Signal(name=f"many{name}", reset_less=True)
        few = Signal(bits, name=f"few{name}", reset_less=True)
        m.d.sync += [
            begun.eq(~x[-1]),
            begins.eq(x[bits:].all()),
            first.eq(x[:bits]),
            over.eq(left[-1]),
            many.eq(left[bits:-1].any()),
            few.eq(left[:bits]),
        ]
        started = Signal(lanes, name=f"started{name}", reset_less=True)
        not_ended = Signal(lanes, name=f"not_ended{name}", reset_less=True)
        inside = delayed(m, row_inside, 2, name=f"row_inside{name}")
        m.d.sync += [
            started.eq(Cat(
                begun | begins & (first >= (lanes - lane) if lane else Const(0))
                for lane in range(lanes))),
            not_ended.eq(Cat(~over & (many | (few > lane)) for lane in range(lanes))),
        ]
        return started & not_ended & inside.replicate(lanes)

    def _inside(self, m, split):
        """Return a mask of the lanes in bounds, `_INSIDE_LATENCY` cycles after the step."""
        lanes = self.config.lanes
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
        bounds = self._in_row(m, "", x, left, ~row_above & ~row_below)
        if split is not None:
            bounds = self._of_two_rows(m, split, bounds)
        inside = Signal(lanes, reset_less=True)
        m.d.sync += inside.eq(bounds | (~self.bounded).replicate(lanes))
        return inside

    def _of_two_rows(self, m, split, bounds):
        """Return `bounds` with the lanes from `split` on replaced by those of the next row."""
        lanes = self.config.lanes
        bits = (lanes - 1).bit_length()
        before = self.split[:bits]
        width = Signal(17, reset_less=True)
        last_row = Signal(signed(17), reset_less=True)
        left = Signal(signed(18), name="left_2", reset_less=True)
        x = Signal(signed(17), name="x_2", reset_less=True)
        row_above = Signal(name="row_above_2", reset_less=True)
        row_below = Signal(name="row_below_2", reset_less=True)
        beyond = Signal(lanes, reset_less=True)
        m.d.sync += [
            width.eq(self.width_bytes + before),
            last_row.eq(self.height - 1),
            left.eq(width.as_signed() - self.x),
            x.eq(self.x - before),
            row_above.eq((self.y < 0) & (self.y != -1)),
            row_below.eq(self.y >= last_row),
            beyond.eq(Cat(split[-1] & (split[:-1] <= lane) for lane in range(lanes))),
        ]
        later = delayed(m, beyond, 2, name="later")
        next_bounds = self._in_row(m, "_2", x, left, ~row_above & ~row_below)
        return later & next_bounds | ~later & bounds

    def elaborate(self, platform):
        m = Module()
        lanes = self.config.lanes
        m.submodules.rotator = rotator = Rotator(lanes=lanes, width=8, left=True)
        bits = (lanes - 1).bit_length()
        split = None
        if self.config.row_pairs:
            splits = Signal(reset_less=True)
            m.d.sync += splits.eq(self.split[:bits].any())
            split = Cat(self.splits_at, splits)
        rows = bank_addresses(m, self.address, lanes, split=split, further=self.split_rows)
        m.d.comb += [self.bank_addresses[bank].eq(row) for bank, row in enumerate(rows)]

        offset = self.address[:bits]
        m.d.comb += [
            rotator.i.eq(self.bank_data),
            rotator.amount.eq(
                delayed(m, offset, self.ADDRESS_LATENCY + ByteRam.LATENCY, name="offset")),
        ]

        inside = delayed(
            m, self._inside(m, split), self.LATENCY - 1 - self._INSIDE_LATENCY, name="inside")
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
