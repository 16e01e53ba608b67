"""Digital gain and lens shading correction."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import PIXEL_BITS

from ..postproc.delay import delayed
from .arithmetic import PRODUCT_LATENCY, product, saturate
from .colour import follow_colour
from .mesh_gain import GAIN_BITS, POSITION_BITS, MeshGain
from .pixel_stream import BAYER, Geometry, TablePort, pixel_stream, settings_layout
from .result_buffer import ResultBuffer

__all__ = ["Shading"]

_GAIN_FRACTION = 14


class Shading(wiring.Component):
    """Multiply by the mesh's gain and by the digital gain; round half up, saturate.

    Bit-exact with :func:`hadron_model.isp.shading.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i, o : In, Out(pixel_stream(BAYER))
        Mosaic.
    settings : In(settings_layout("shading"))
        Digital gain, steps of the mesh.
    geometry : In(Geometry)
        Phase of the mosaic.
    mesh : In(TablePort())
        Gains of the nodes.
    ready : Out(1)
        Pixels may come: low while a new mesh is taken over.

    Latency: ``LATENCY`` cycles. Throughput: one pixel a cycle.
    Cost (LFE5U): 3 DP16KD, 5 MULT18X18D.
    """

    _MESH = 1 + MeshGain.LATENCY
    _PIPELINE = _MESH + 1 + PRODUCT_LATENCY + 1 + PRODUCT_LATENCY + 1
    LATENCY = _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(BAYER)),
            "o": Out(pixel_stream(BAYER)),
            "settings": In(settings_layout("shading")),
            "geometry": In(Geometry),
            "mesh": In(TablePort()),
            "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = ResultBuffer(shape=BAYER, latency=self._PIPELINE)
        buffer.accept(m, self.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.submodules.mesh_gain = mesh = MeshGain()
        wiring.connect(m, wiring.flipped(self.mesh), mesh.mesh)
        m.d.comb += self.ready.eq(mesh.ready)
        pixel = Signal(PIXEL_BITS, reset_less=True)
        m.d.sync += pixel.eq(self.i.payload.data)
        self._walk(m, mesh)

        enable = self.settings.enable
        mesh_gain = Signal(GAIN_BITS, reset_less=True)
        digital_gain = Signal(16, reset_less=True)
        m.d.sync += [
            # Disabled: times one, twice, which is exact.
            mesh_gain.eq(Mux(enable & self.settings.use_mesh, mesh.gain, 1 << _GAIN_FRACTION)),
            digital_gain.eq(Mux(enable, self.settings.gain, 1 << 8)),
        ]
        pixel_at_gain = delayed(m, pixel, self._MESH, name="pixel")
        shaded = product(m, pixel_at_gain, mesh_gain, name="shaded")
        # From U14.14 to U14.3, then from U22.11 to integers.
        rounded = Signal(17, reset_less=True)
        m.d.sync += rounded.eq((shaded + (1 << 10)) >> 11)
        gained = product(m, rounded, digital_gain, name="gained")
        m.d.sync += buffer.i_data.eq(
            saturate(((gained + (1 << 10)) >> 11)[:23], PIXEL_BITS))
        return m

    def _walk(self, m: Module, mesh: MeshGain) -> None:
        """Follow the position in the mesh."""
        x = Signal(POSITION_BITS)
        y = Signal(POSITION_BITS)
        first = self.i.payload.first
        colour = follow_colour(m, self.i, self.geometry.phase)
        m.d.sync += [
            mesh.x.eq(Mux(first, 0, x)),
            mesh.y.eq(Mux(first, 0, y)),
            mesh.colour.eq(colour),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += x.eq(Mux(first, 0, x) + self.settings.step_x)
            with m.If(first):
                m.d.sync += y.eq(0)
            with m.If(self.i.payload.last):
                m.d.sync += [x.eq(0), y.eq(Mux(first, 0, y) + self.settings.step_y)]
