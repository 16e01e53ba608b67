"""Digital gain and lens shading correction."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import PIXEL_BITS

from ..postproc.delay import delayed
from ..vendor.wide_ram import WideRam
from .arithmetic import PRODUCT_LATENCY, product, saturate
from .colour import follow_colour
from .pixel_stream import BAYER, Geometry, TablePort, pixel_stream, settings_layout
from .result_buffer import ResultBuffer

__all__ = ["MeshGain", "Shading"]

_POSITION_BITS = 20
_NODE_BITS = 14
_PART_BITS = 8
_GAIN_BITS = 16
_GAIN_FRACTION = 14


class MeshGain(wiring.Component):
    """Interpolate the mesh at one pixel after another.

    The four nodes around a pixel lie in four memories, one for each parity of row and column, so
    that a cell may be as narrow as a pixel.

    Members
    -------
    x, y : In(20)
        Position of a pixel in cells, U4.16.
    colour : In(2)
        Its colour.
    mesh : In(TablePort())
        Gains of the nodes.
    gain : Out(16)
        Gain at the position of ``LATENCY`` cycles ago, U2.14; from a register.

    Latency: ``LATENCY`` cycles. Throughput: one gain a cycle.
    Cost (LFE5U): 4 DP16KD, 3 MULT18X18D.
    """

    _VERTICAL = 2 + WideRam.LATENCY + 2
    _HORIZONTAL = _VERTICAL + PRODUCT_LATENCY + 2
    LATENCY = _HORIZONTAL + PRODUCT_LATENCY + 1

    x: In(_POSITION_BITS)
    y: In(_POSITION_BITS)
    colour: In(2)
    mesh: In(TablePort())
    gain: Out(_GAIN_BITS)

    def elaborate(self, platform):
        m = Module()
        nodes = self._nodes(m)
        row_part = delayed(m, self.y[8:16], self._VERTICAL, name="row_part")
        sides = []
        for column in range(2):
            above = Signal(_NODE_BITS, name=f"above_{column}", reset_less=True)
            fall = Signal(signed(_NODE_BITS + 1), name=f"fall_{column}", reset_less=True)
            m.d.sync += [
                above.eq(nodes[0][column]),
                fall.eq(nodes[1][column] - nodes[0][column]),
            ]
            fallen = product(m, fall, row_part, name=f"fallen_{column}")
            base = delayed(m, above, PRODUCT_LATENCY, name=f"above_{column}")
            # Round half up from U2.20 to U2.15.
            side = Signal(17, name=f"side_{column}", reset_less=True)
            m.d.sync += side.eq((Cat(Const(16, 8), base) + fallen) >> 5)
            sides.append(side)
        left = Signal(17, reset_less=True)
        rise = Signal(signed(18), reset_less=True)
        m.d.sync += [left.eq(sides[0]), rise.eq(sides[1] - sides[0])]
        column_part = delayed(m, self.x[8:16], self._HORIZONTAL, name="column_part")
        risen = product(m, rise, column_part, name="risen")
        base = delayed(m, left, PRODUCT_LATENCY, name="left")
        # From U2.23 to U2.14.
        m.d.sync += self.gain.eq(((base << 8) + 256 + risen) >> 9)
        return m

    def _nodes(self, m: Module) -> list[list[Value]]:
        """Return the nodes [above, below][left, right], ``_VERTICAL`` - 1 cycles later."""
        row, column = self.y[16:], self.x[16:]
        # Index of the even and of the odd one of two neighbouring rows or columns.
        rows = [Signal(3, name=f"row_{parity}", reset_less=True) for parity in range(2)]
        columns = [Signal(4, name=f"column_{parity}", reset_less=True) for parity in range(2)]
        colour = Signal(2, reset_less=True)
        m.d.sync += [
            rows[0].eq(row[1:4] + row[0]), rows[1].eq(row[1:4]),
            columns[0].eq(column[1:] + column[0]), columns[1].eq(column[1:]),
            colour.eq(self.colour),
        ]
        write_colour, write_column, write_row = (
            self.mesh.address[:2], self.mesh.address[2:7], self.mesh.address[7:11])
        data = []
        for row_parity in range(2):
            data.append([])
            for column_parity in range(2):
                name = f"nodes_{row_parity}{column_parity}"
                m.submodules[name] = ram = WideRam(width=_NODE_BITS, depth=1024)
                read_address = Signal(10, name=f"read_{name}", reset_less=True)
                m.d.sync += read_address.eq(
                    Cat(colour, columns[column_parity], rows[row_parity], self.mesh.bank))
                m.d.comb += [
                    ram.read_address.eq(read_address),
                    ram.write_address.eq(
                        Cat(write_colour, write_column[1:], write_row[1:], ~self.mesh.bank)),
                    ram.write_data.eq(self.mesh.data),
                    ram.write.eq(self.mesh.write & (write_row[0] == row_parity)
                                 & (write_column[0] == column_parity)),
                ]
                data[-1].append(ram.read_data)
        cycles = 2 + WideRam.LATENCY
        odd_row = delayed(m, row[0], cycles, name="odd_row")
        odd_column = delayed(m, column[0], cycles, name="odd_column")
        nodes = [[Signal(_NODE_BITS, name=f"node_{i}{j}", reset_less=True) for j in range(2)]
                 for i in range(2)]
        for i in range(2):
            for j in range(2):
                # An odd first row or column lies in the other memory.
                m.d.sync += nodes[i][j].eq(Mux(
                    odd_row,
                    Mux(odd_column, data[1 - i][1 - j], data[1 - i][j]),
                    Mux(odd_column, data[i][1 - j], data[i][j])))
        return nodes


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

    Latency: ``LATENCY`` cycles. Throughput: one pixel a cycle.
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
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = ResultBuffer(shape=BAYER, latency=self._PIPELINE)
        buffer.accept(m, self.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.submodules.mesh_gain = mesh = MeshGain()
        wiring.connect(m, wiring.flipped(self.mesh), mesh.mesh)
        pixel = Signal(PIXEL_BITS, reset_less=True)
        m.d.sync += pixel.eq(self.i.payload.data)
        self._walk(m, mesh)

        enable = self.settings.enable
        mesh_gain = Signal(_GAIN_BITS, reset_less=True)
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
        x = Signal(_POSITION_BITS)
        y = Signal(_POSITION_BITS)
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
