"""Which colour of the mosaic a pixel has."""

from amaranth.hdl import Cat, Module, Signal, Value

__all__ = ["colour_at", "follow_colour"]


def colour_at(odd_column: Value, odd_row: Value, phase: Value) -> Value:
    """Return the colour, an index into `hadron_spec.isp.bayer.COLOURS`, at a position."""
    return Cat(odd_column ^ phase[0], odd_row ^ phase[1])


def follow_colour(m: Module, stream, phase: Value) -> Value:
    """Return the colour of the pixel that a pixel stream offers."""
    odd_column = Signal()
    odd_row = Signal()
    pixel = stream.payload
    with m.If(stream.valid & stream.ready):
        m.d.sync += odd_column.eq(~pixel.last & (pixel.first | ~odd_column))
        with m.If(pixel.first | pixel.last):
            m.d.sync += odd_row.eq(pixel.last & (pixel.first | ~odd_row))
    return colour_at(odd_column & ~pixel.first, odd_row & ~pixel.first, phase)
