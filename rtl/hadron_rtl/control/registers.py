"""The control registers on AXI4-Lite, made from `hadron_spec.registers`.

Source: Arm IHI 0022, B1.1 (AXI4-Lite), A3.3 (dependencies between the channels).
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.stream.axi import Axi4LiteSignature, Response
from hadron_spec.config import NpuConfig
from hadron_spec.registers import REGISTER_SPACE_BYTES, REGISTERS, Access, Register, register

__all__ = ["READ_ONLY", "READ_WRITE", "ControlRegisters", "field_mask"]

ADDRESS_WIDTH = (REGISTER_SPACE_BYTES - 1).bit_length()
CONSTANTS = ("ID", "VERSION", "CONFIG0", "CONFIG1")

READ_ONLY = data.StructLayout({
    r.name.lower(): 32 for r in REGISTERS if r.access is Access.RO and r.name not in CONSTANTS
})
"""The registers whose value comes from the NPU."""

READ_WRITE = data.StructLayout({
    r.name.lower(): 32 for r in REGISTERS if r.access is Access.RW
})
"""The registers that software sets."""

EVENTS = len(register("IRQ_STATUS").fields)


def field_mask(of: Register) -> int:
    """Return the bits of a register that exist: those of its fields, or all when it has none."""
    if not of.fields:
        return 0xFFFF_FFFF
    return sum(((1 << field.width) - 1) << field.lsb for field in of.fields)


def _constants(config: NpuConfig) -> dict[str, int]:
    values = {
        "CONFIG0": {"LANES": config.lanes, "COLUMNS": config.columns,
                    "AXI_BYTES": config.axi_bytes},
        "CONFIG1": {"ACT_KIB": config.act_bytes // 1024, "WEIGHT_STEPS": config.weight_steps},
    }
    result = {name: register(name).reset for name in CONSTANTS}
    for name, fields in values.items():
        for field in register(name).fields:
            result[name] |= fields[field.name] << field.lsb
    return result


class ControlRegisters(wiring.Component):
    """Let software read and write the registers.

    One transfer of each kind at a time. Write address and write data may come in any order; byte
    strobes count, also for actions and for clearing. The two lowest address bits are ignored.
    Reading an address without register returns 0 with SLVERR, writing it, or a read-only register,
    does nothing and answers SLVERR. Bits outside a register's fields read as 0.

    Parameters
    ----------
    config : NpuConfig
        What CONFIG0 and CONFIG1 say.

    Members
    -------
    bus : In(Axi4LiteSignature)
        12-bit address, 32-bit data.
    read_only : In(READ_ONLY)
        Values of the registers the NPU sets.
    read_write : Out(READ_WRITE)
        Values of the registers software sets.
    start, abort : Out(1)
        One cycle: a one was written to CONTROL.START, CONTROL.ABORT.
    events : In(3)
        Bit i sets bit i of IRQ_STATUS, also in the cycle in which software clears it.
    irq : Out(1)
        Some bit of IRQ_STATUS is set and enabled.

    Latency: a read answers 2 cycles after its address, a write 1 cycle after address and data.
    """

    def __init__(self, config: NpuConfig):
        self.config = config
        super().__init__({
            "bus": In(Axi4LiteSignature(address_width=ADDRESS_WIDTH)),
            "read_only": In(READ_ONLY),
            "read_write": Out(READ_WRITE),
            "start": Out(1),
            "abort": Out(1),
            "events": In(EVENTS),
            "irq": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pending = Signal(EVENTS)
        m.d.sync += self.irq.eq((pending & self.read_write.irq_enable[:EVENTS]).any())
        self._read(m, pending)
        self._write(m, pending)
        return m

    def _read(self, m: Module, pending: Signal) -> None:
        bus = self.bus
        constants = _constants(self.config)
        # One bit a register: ands and ors of registers take half the LUTs of a multiplexer.
        selected = Signal(len(REGISTERS), reset_less=True)
        answer = Const(0, 32)
        for i, r in enumerate(REGISTERS):
            name = r.name.lower()
            if r.name in constants:
                value = Const(constants[r.name], 32)
            elif r.access is Access.RO:
                value = self.read_only[name]
            elif r.access is Access.RW:
                value = self.read_write[name]
            elif r.access is Access.W1C:
                value = pending
            else:
                value = Const(0, 32)
            answer |= Value.cast(value) & selected[i].replicate(len(value))
        with m.FSM(name="read"):
            with m.State("ADDRESS"):
                m.d.comb += bus.arready.eq(1)
                m.d.sync += selected.eq(
                    Cat(bus.araddr[2:] == r.offset // 4 for r in REGISTERS))
                with m.If(bus.arvalid):
                    m.next = "SELECT"
            with m.State("SELECT"):
                m.d.sync += [
                    bus.rvalid.eq(1),
                    bus.rdata.eq(answer),
                    bus.rresp.eq(Mux(selected.any(), Response.OKAY, Response.SLVERR)),
                ]
                m.next = "DATA"
            with m.State("DATA"), m.If(bus.rready):
                m.d.sync += bus.rvalid.eq(0)
                m.next = "ADDRESS"

    def _write(self, m: Module, pending: Signal) -> None:
        bus = self.bus
        writable = [r for r in REGISTERS if r.access is not Access.RO]
        # One bit a register, found as the address comes: each enables 32 registers.
        selected = Signal(len(writable), reset_less=True)
        word = Signal(32, reset_less=True)
        strobe = Signal(4, reset_less=True)
        has_address = Signal()
        has_word = Signal()
        clear = Signal(EVENTS)
        m.d.comb += [bus.awready.eq(~has_address), bus.wready.eq(~has_word)]
        m.d.sync += pending.eq((pending & ~clear) | self.events)
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [
                has_address.eq(1),
                selected.eq(Cat(bus.awaddr[2:] == r.offset // 4 for r in writable)),
            ]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [
                has_word.eq(1),
                word.eq(bus.wdata),
                strobe.eq(bus.wstrb),
            ]
        with m.If(bus.bvalid & bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(has_address & has_word & ~bus.bvalid):
            m.d.sync += [
                has_address.eq(0),
                has_word.eq(0),
                bus.bvalid.eq(1),
                bus.bresp.eq(Response.SLVERR),
            ]
            for i, r in enumerate(writable):
                with m.If(selected[i]):
                    m.d.sync += bus.bresp.eq(Response.OKAY)
                    if r.access is Access.RW:
                        stored = self.read_write[r.name.lower()]
                        existing = word & Const(field_mask(r), 32)
                        for byte in range(4):
                            with m.If(strobe[byte]):
                                m.d.sync += stored.word_select(byte, 8).eq(
                                    existing.word_select(byte, 8))
                    elif r.access is Access.W1C:
                        m.d.comb += clear.eq(word & strobe[0].replicate(EVENTS))
                    else:
                        for field in r.fields:
                            m.d.comb += getattr(self, field.name.lower()).eq(
                                word[field.lsb] & strobe[field.lsb // 8])
