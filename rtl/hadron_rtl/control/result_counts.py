"""How many results a command makes, by the loops that write them."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data

from hadron_spec.commands import STRIP_PIXELS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["ResultCounts", "count_results"]

ResultCounts = data.StructLayout({
    "rows": 16, "columns": 5, "pairs": range(STRIP_PIXELS // 2 + 1)})
"""Of loop ox and of loop px inside it; `pairs`, of DEPTHWISE: outputs of a row, two by two, or one
by one of tall windows with a stride of two."""


def _lost(tall, stride):
    """Return what to take off pixels or rows, of which outputs are one, or half, or a quarter."""
    return Cat(stride, Mux(tall, stride, ~stride), tall & ~stride)


def count_results(m: Module, config: NpuConfig, command: data.View) -> data.View:
    """Return the `ResultCounts` of an `ExecuteCommand` two cycles later, from registers.

    A strip of DEPTHWISE has fewer rows and columns of outputs than of pixels; other commands have a
    row of one, or of two with the two bytes of deep results and the two pixels of shallow ones.
    """
    counts = Signal(ResultCounts, reset_less=True)
    pairs = Signal.like(counts.pairs, name="strip_pairs", reset_less=True)
    pixels = (command.count_kx[:5] - _lost(command.tall, command.stride_x))[:5]
    rows = (command.count_ox - _lost(command.tall, command.stride_y))[:16]
    m.d.sync += [
        pairs.eq(Mux(command.stride_x & ~command.tall, pixels[2:], pixels[1:])),
        counts.pairs.eq(pairs),
        counts.rows.eq(command.count_ox),
        counts.columns.eq(1),
    ]
    with m.If(command.opcode == Opcode.DEPTHWISE):
        m.d.sync += [
            counts.rows.eq(Mux(command.stride_y, rows[1:], rows)),
            counts.columns.eq(Mux(command.stride_x & command.tall, pairs,
                                  (pairs << 1) - command.odd)),
        ]
    two = (command.deep_results & config.deep) | (command.shallow & config.shallow)
    with m.If(two):
        m.d.sync += counts.columns.eq(2)
    return counts
