"""The ISP's registers on AXI4-Lite, made from `hadron_spec.isp.registers`.

Source: Arm IHI 0022, B1.1 (AXI4-Lite), A3.3 (dependencies between the channels).
"""

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.registers import ISP_BASE, ISP_REGISTERS, ISP_SPACE_BYTES, TABLES, isp_register
from hadron_spec.isp.settings import STAGES
from hadron_spec.registers import Access

from ..control.registers import field_mask
from ..stream.axi import Axi4LiteSignature
from ..stream.register_bus import RegisterBus
from .pixel_stream import TablePort
from .settings_store import SettingsLayout, SettingsStore

__all__ = ["ADDRESS_WIDTH", "STATUS_VALUES", "IspRegisters"]

ADDRESS_WIDTH = 13
"""Bits of a byte address: the NPU's space and the ISP's above it."""

_WORD_BITS = (ISP_SPACE_BYTES // 4 - 1).bit_length()
_SETTINGS = isp_register("CROP_ENABLE").offset
_FIXED = tuple(r for r in ISP_REGISTERS if r.offset < _SETTINGS)
_CONSTANTS = ("ID", "CONFIG0", "CONFIG1")
_READ_WRITE = tuple(r for r in _FIXED if r.access is Access.RW)
_EVENTS = len(isp_register("IRQ_STATUS").fields)

STATUS_VALUES = data.StructLayout({
    r.name.lower(): 32 for r in _FIXED
    if r.access is Access.RO and r.name not in (*_CONSTANTS, "STATISTICS_DATA")
})
"""The registers whose value comes from the ISP."""


def _constants(config) -> dict[str, int]:
    values = {
        "CONFIG0": {"MAX_WIDTH": config.max_width, "MAX_HEIGHT": config.max_height,
                    "INPUT_BITS": config.input_bits, "PICTURE": config.picture,
                    "TENSOR": config.tensor, "TENSOR_MEMORY": config.tensor_memory},
        "CONFIG1": {"STAGES": sum(config.has(stage) << i for i, stage in enumerate(STAGES)),
                    "AXI_BYTES": config.axi_data_width // 8},
    }
    result = {name: isp_register(name).reset for name in _CONSTANTS}
    for name, fields in values.items():
        for field in isp_register(name).fields:
            result[name] |= fields[field.name] << field.lsb
    return result


class IspRegisters(wiring.Component):
    """Let software read and write the registers, the settings and the windows.

    One transfer at a time. Byte strobes count, but not in TABLE_DATA. An address without register,
    or outside the block, reads 0 and answers SLVERR, as does writing a read-only register.
    Transfers wait while the settings are copied. Bits outside the fields of a setting read as they
    were written and mean nothing.

    Parameters
    ----------
    config : IspConfig
        The instance.
    statistics_latency : int
        Cycles from `statistics_address` to `statistics_data`.

    Members
    -------
    bus : In(Axi4LiteSignature)
        13-bit address, 32-bit data.
    status : In(STATUS_VALUES)
        Values of the registers that the ISP sets.
    run, live : Out(1)
        CONTROL.
    commit_request : Out(1)
        For one cycle: a one was written to COMMIT.REQUEST.
    commit : In(1)
        For one cycle: take the settings over, swap the banks of the tables that were written.
    store_busy : Out(1)
        The settings are being copied.
    settings : Out(SettingsLayout())
        Settings in use.
    tables : Out(TablePort())
        By stage and name: `linearize_nodes`, for one.
    statistics_address, statistics_data : Out(16), In(32)
        Window on the statistics.
    tensor_base : Out(ArrayLayout(32, 2))
        Addresses of the tensor's buffers.
    events : In(4)
        Bit i sets bit i of IRQ_STATUS.
    irq : Out(1)
        Some bit of IRQ_STATUS is set and enabled.
    """

    def __init__(self, config, *, statistics_latency: int):
        self.config = config
        self.statistics_latency = statistics_latency
        super().__init__({
            "bus": In(Axi4LiteSignature(address_width=ADDRESS_WIDTH)),
            "status": In(STATUS_VALUES),
            "run": Out(1),
            "live": Out(1),
            "commit_request": Out(1),
            "commit": In(1),
            "store_busy": Out(1),
            "settings": Out(SettingsLayout()),
            "tables": Out(wiring.Signature({
                table.name.replace(".", "_"): Out(TablePort()) for table in TABLES})),
            "statistics_address": Out(16),
            "statistics_data": In(32),
            "tensor_base": Out(data.ArrayLayout(32, 2)),
            "events": In(_EVENTS),
            "irq": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.bus = bus = RegisterBus(address_width=ADDRESS_WIDTH)
        m.submodules.store = store = SettingsStore(self.config)
        wiring.connect(m, wiring.flipped(self.bus), bus.bus)
        stored = {r.name: Signal(32, name=r.name.lower(), init=r.reset) for r in _READ_WRITE}
        pending = Signal(_EVENTS)
        m.d.comb += [
            self.settings.eq(store.settings),
            self.store_busy.eq(store.busy),
            store.commit.eq(self.commit),
            store.address.eq(bus.address[:_WORD_BITS]),
            store.write_data.eq(bus.data),
            self.run.eq(stored["CONTROL"][0]),
            self.live.eq(stored["CONTROL"][1]),
            self.statistics_address.eq(stored["STATISTICS_ADDRESS"][:16]),
            *(self.tensor_base[i].eq(stored[f"TENSOR_BASE_{i}"]) for i in range(2)),
        ]
        inside = Signal()
        waits = Signal(range(self._wait + 1))
        carry_out = Signal()
        m.d.comb += inside.eq(bus.address[_WORD_BITS:] == ISP_BASE // ISP_SPACE_BYTES)
        # The memories need some cycles of a steady address, not taken up by a copy.
        with m.If(~bus.request | bus.done | self.commit | store.busy):
            m.d.sync += waits.eq(self._wait)
        with m.Elif(waits != 0):
            m.d.sync += [waits.eq(waits - 1), carry_out.eq(waits == 1)]
        with m.If(carry_out):
            m.d.sync += carry_out.eq(0)
        m.d.comb += bus.done.eq(carry_out)

        clear = self._write(m, bus, store, stored, carry_out & bus.writes & inside)
        self._read(m, bus, store, stored, pending, inside)
        m.d.sync += [
            pending.eq((pending & ~clear) | self.events),
            self.irq.eq((pending & stored["IRQ_ENABLE"][:_EVENTS]).any()),
        ]
        return m

    @property
    def _wait(self) -> int:
        return max(self.statistics_latency, SettingsStore.READ_LATENCY) + 3

    def _read(self, m: Module, bus: RegisterBus, store: SettingsStore, stored: dict[str, Signal],
              pending: Signal, inside: Signal) -> None:
        """Answer reads, and say which addresses exist."""
        answer = Signal(32, reset_less=True)
        error = Signal(reset_less=True)
        fixed = Signal(32, reset_less=True)
        refused = Signal(reset_less=True)
        constants = _constants(self.config)
        m.d.comb += [bus.answer.eq(answer), bus.error.eq(error)]
        # The address is steady for longer than these two cycles.
        m.d.sync += [
            fixed.eq(0), refused.eq(1),
            answer.eq(Mux(store.exists & inside, store.read_data, fixed)),
            error.eq(refused & ~(store.exists & inside)),
        ]
        with m.If(inside), m.Switch(bus.address[:_WORD_BITS]):
            for r in _FIXED:
                name = r.name.lower()
                if r.name in constants:
                    value = Const(constants[r.name], 32)
                elif r.access is Access.RW:
                    value = stored[r.name]
                elif r.access is Access.W1C:
                    value = pending
                elif r.name == "STATISTICS_DATA":
                    value = self.statistics_data
                elif r.access is Access.RO:
                    value = self.status[name]
                else:
                    value = Const(0, 32)
                with m.Case(r.offset // 4):
                    m.d.sync += [
                        fixed.eq(value),
                        refused.eq(bus.writes if r.access is Access.RO else 0),
                    ]
        index = stored["STATISTICS_ADDRESS"]
        with m.If(bus.done & inside & ~bus.writes
                  & (bus.address[:_WORD_BITS] == isp_register("STATISTICS_DATA").offset // 4)):
            m.d.sync += index[:16].eq(index[:16] + 1)

    def _write(self, m: Module, bus: RegisterBus, store: SettingsStore, stored: dict[str, Signal],
               write: Value) -> Signal:
        """Carry writes out; return which events are cleared."""
        clear = Signal(_EVENTS)
        table_write = Signal()
        table_data = Signal(16, reset_less=True)
        m.d.sync += [
            table_write.eq(0), self.commit_request.eq(0), table_data.eq(bus.data[:16])]
        m.d.comb += store.write_strobe.eq(Mux(write & store.exists, bus.strobe, 0))
        self._tables(m, stored["TABLE_ADDRESS"], table_write, table_data)
        with m.If(write), m.Switch(bus.address[:_WORD_BITS]):
            for r in _FIXED:
                if r.access is Access.RO:
                    continue
                with m.Case(r.offset // 4):
                    if r.access is Access.RW:
                        existing = bus.data & Const(field_mask(r), 32)
                        for byte in range(4):
                            with m.If(bus.strobe[byte]):
                                m.d.sync += stored[r.name].word_select(byte, 8).eq(
                                    existing.word_select(byte, 8))
                    elif r.access is Access.W1C:
                        m.d.comb += clear.eq(bus.data & bus.strobe[0].replicate(_EVENTS))
                    elif r.name == "COMMIT":
                        m.d.sync += self.commit_request.eq(bus.data[0] & bus.strobe[0])
                    else:
                        m.d.sync += table_write.eq(1)
        return clear

    def _tables(self, m: Module, address: Signal, write: Signal, value: Signal) -> None:
        """Write the idle banks, count the address up, swap banks at a commit."""
        number = isp_register("TABLE_ADDRESS").fields[1]
        for table in TABLES:
            name = table.name.replace(".", "_")
            port = getattr(self.tables, name)
            written = Signal(name=f"{name}_written")
            bank = Signal(name=f"{name}_bank")
            m.d.comb += [
                port.bank.eq(bank),
                port.write.eq(write & (
                    address[number.lsb:number.lsb + number.width] == table.number)),
                port.address.eq(address[:16]),
                port.data.eq(value),
            ]
            with m.If(port.write):
                m.d.sync += written.eq(1)
            with m.If(self.commit):
                m.d.sync += [bank.eq(bank ^ written), written.eq(0)]
        with m.If(write):
            m.d.sync += address[:16].eq(address[:16] + 1)
