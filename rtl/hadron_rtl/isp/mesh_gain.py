"""The gain of the lens shading mesh at one pixel after another."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import COLOURS, MESH_COLUMNS, MESH_ROWS

from ..postproc.delay import delayed
from ..vendor.two_port_ram import TwoPortRam
from ..vendor.wide_ram import WideRam
from .arithmetic import PRODUCT_LATENCY, product
from .pixel_stream import TablePort

__all__ = ["MeshGain"]

POSITION_BITS = 20
"""A position in cells, U4.16."""

GAIN_BITS = 16
"""A gain, U2.14."""

_NODE_BITS = 14
_NODES = MESH_ROWS * MESH_COLUMNS * len(COLOURS)


class MeshGain(wiring.Component):
    """Interpolate between the four nodes around each pixel.

    Even and odd rows lie in two memories of two read ports each, so that any four nodes come at
    once and a cell may be as narrow as a pixel. Software writes a third memory; when the bank
    swaps, while no pixel is in the pipeline, it is copied to the two.

    Members
    -------
    x, y : In(20)
        Position of a pixel in cells, U4.16.
    colour : In(2)
        Its colour.
    mesh : In(TablePort())
        Gains of the nodes.
    ready : Out(1)
        Pixels may come: low for ``COPY_CYCLES`` after a swap.
    gain : Out(16)
        Gain at the position of ``LATENCY`` cycles ago, U2.14; from a register.

    Latency: ``LATENCY`` cycles. Throughput: one gain a cycle.
    Cost (LFE5U): 3 DP16KD, 3 MULT18X18D.
    """

    COPY_CYCLES = _NODES + WideRam.LATENCY + 1
    _VERTICAL = 2 + TwoPortRam.LATENCY + 2
    _HORIZONTAL = _VERTICAL + PRODUCT_LATENCY + 2
    LATENCY = _HORIZONTAL + PRODUCT_LATENCY + 1

    x: In(POSITION_BITS)
    y: In(POSITION_BITS)
    colour: In(2)
    mesh: In(TablePort())
    ready: Out(1)
    gain: Out(GAIN_BITS)

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
        copy = self._copy(m)
        row, column = self.y[16:], self.x[16:]
        # Index of the even and of the odd one of two neighbouring rows.
        rows = [Signal(3, name=f"row_{parity}", reset_less=True) for parity in range(2)]
        columns = [Signal(5, name=f"column_{side}", reset_less=True) for side in range(2)]
        colour = Signal(2, reset_less=True)
        m.d.sync += [
            rows[0].eq(row[1:4] + row[0]), rows[1].eq(row[1:4]),
            columns[0].eq(column), columns[1].eq(column + 1),
            colour.eq(self.colour),
        ]
        data = []
        for parity in range(2):
            m.submodules[f"nodes_{parity}"] = ram = TwoPortRam(width=_NODE_BITS, depth=1024)
            left = Signal(10, name=f"left_{parity}", reset_less=True)
            right = Signal(10, name=f"right_{parity}", reset_less=True)
            write = Signal(name=f"write_{parity}")
            value = Signal(_NODE_BITS, name=f"value_{parity}", reset_less=True)
            m.d.sync += [
                left.eq(Cat(colour, columns[0], rows[parity])),
                right.eq(Cat(colour, columns[1], rows[parity])),
                write.eq(copy.write & (copy.row[0] == parity)),
                value.eq(copy.value),
            ]
            with m.If(copy.write):
                m.d.sync += right.eq(Cat(copy.colour, copy.column, copy.row[1:]))
            m.d.comb += [
                ram.a_address.eq(left),
                ram.b_address.eq(right),
                ram.b_write.eq(write),
                ram.b_write_data.eq(value),
            ]
            data.append((ram.a_data, ram.b_data))
        odd_row = delayed(m, row[0], 2 + TwoPortRam.LATENCY, name="odd_row")
        nodes = [[Signal(_NODE_BITS, name=f"node_{i}{j}", reset_less=True) for j in range(2)]
                 for i in range(2)]
        for i in range(2):
            for j in range(2):
                # An odd first row lies in the other memory.
                m.d.sync += nodes[i][j].eq(Mux(odd_row, data[1 - i][j], data[i][j]))
        return nodes

    def _copy(self, m: Module) -> "_Copy":
        """Keep what software writes; give it back node by node after a swap."""
        m.submodules.written = written = WideRam(width=_NODE_BITS, depth=1024)
        # Rows close up in this memory: they would take two of them otherwise.
        address = self.mesh.address
        row, column = address[7:11], address[2:7]
        m.d.comb += [
            written.write.eq(self.mesh.write),
            written.write_address.eq(
                Cat(address[:2], ((row << 4) + row + column)[:8])),
            written.write_data.eq(self.mesh.data),
        ]
        index = Signal(range(_NODES))
        walking = Signal()
        bank = Signal()
        copy = _Copy()
        m.d.comb += [written.read_address.eq(index), copy.value.eq(written.read_data)]
        with m.If(walking):
            m.d.sync += index.eq(index + 1)
            with m.If(index == _NODES - 1):
                m.d.sync += [walking.eq(0), index.eq(0)]
        with m.Elif(bank != self.mesh.bank):
            m.d.sync += [walking.eq(1), bank.eq(self.mesh.bank)]
        arriving = Signal(WideRam.LATENCY)
        m.d.sync += arriving.eq(Cat(walking, arriving))
        m.d.comb += [
            copy.write.eq(arriving[-1]),
            self.ready.eq(~walking & ~arriving.any() & (bank == self.mesh.bank)),
        ]
        with m.If(copy.write):
            m.d.sync += copy.colour.eq(copy.colour + 1)
            with m.If(copy.colour == len(COLOURS) - 1):
                m.d.sync += copy.column.eq(copy.column + 1)
                with m.If(copy.column == MESH_COLUMNS - 1):
                    m.d.sync += [copy.column.eq(0), copy.row.eq(copy.row + 1)]
                    with m.If(copy.row == MESH_ROWS - 1):
                        m.d.sync += copy.row.eq(0)
        return copy


class _Copy:
    """A node on its way into the two memories."""

    def __init__(self):
        self.write = Signal(name="copy_write")
        self.value = Signal(_NODE_BITS, name="copy_value")
        self.row = Signal(4, name="copy_row")
        self.column = Signal(5, name="copy_column")
        self.colour = Signal(2, name="copy_colour")
