"""The streams and side inputs that the ISP's stages share, laid out by the specification."""

from amaranth.hdl import Shape, ShapeLike, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import Out

from hadron_spec.isp.bayer import PIXEL_BITS
from hadron_spec.isp.fields import Setting, settings_of
from hadron_spec.isp.settings import STAGES

__all__ = ["BAYER", "RGB", "RGB8", "SIZE_BITS", "Geometry", "Pixel", "TablePort",
           "pixel_stream", "settings_layout"]

SIZE_BITS = 12

BAYER = unsigned(PIXEL_BITS)
"""A sample of the mosaic."""

RGB = data.ArrayLayout(unsigned(PIXEL_BITS), 3)
"""Linear red, green, blue."""

RGB8 = data.ArrayLayout(unsigned(8), 3)
"""Red, green, blue after gamma, or Y, U, V."""


class Geometry(data.Struct):
    """Size of the frame in the pipeline and colour order of its first pixel.

    `phase` is a :class:`hadron_spec.isp.bayer.Phase`.
    """

    width: SIZE_BITS
    height: SIZE_BITS
    phase: 2


class Pixel(data.StructLayout):
    """Payload of a pixel stream: AXI4-Stream's TDATA, TUSER[0] and TLAST.

    Parameters
    ----------
    shape : ShapeLike
        Shape of `data`.

    Members
    -------
    data : shape
        The pixel.
    first : 1
        First pixel of a frame.
    last : 1
        Last pixel of a line.
    """

    def __init__(self, shape: ShapeLike):
        super().__init__({"data": shape, "first": 1, "last": 1})


def pixel_stream(shape: ShapeLike) -> stream.Signature:
    """Return a stream of pixels in raster order, full back-pressure: payload ``Pixel(shape)``."""
    return stream.Signature(Pixel(shape))


class TablePort(wiring.Signature):
    """How the register block writes the idle bank of a table.

    Members
    -------
    bank : Out(1)
        Bank that pixels use; stable while a frame is in the pipeline. Writes go to the other.
    write : Out(1)
        Write `data` at `address`; at most every second cycle.
    address : Out(16)
        As ``Setting.strides`` lays the table out.
    data : Out(16)
        Value.
    """

    def __init__(self):
        super().__init__({"bank": Out(1), "write": Out(1), "address": Out(16), "data": Out(16)})


def _shape(known: Setting) -> Shape | data.ArrayLayout:
    number = signed(known.bits) if known.signed else unsigned(known.bits)
    return data.ArrayLayout(number, known.count) if known.shape else number


def settings_layout(stage: str) -> data.StructLayout:
    """Return the layout of a stage's settings, tables left out; field names as in the spec."""
    return data.StructLayout(
        {known.name: _shape(known) for known in settings_of(STAGES[stage]) if not known.table})
