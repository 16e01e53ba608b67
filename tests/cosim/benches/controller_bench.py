"""A bench around the Controller: AXI4-Lite master, AXI4 memory, EXECUTE unit, protocol checks.

The memory refuses the addresses in `Memory.refused`. The EXECUTE unit keeps the three on-chip
memories as bytes and "runs" a command for a random number of cycles.
"""

import logging
import os
import random
from collections import deque
from collections.abc import Iterator

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiResp, AxiSlave
from stream_source import StreamSource

from hadron_rtl.control.controller import COUNTERS
from hadron_rtl.stream.local import LocalWrite
from hadron_spec.commands import COMMAND_BYTES, LocalSpace, Opcode, checksum, encode
from hadron_spec.config import CONFIGS
from hadron_spec.errors import ErrorCode
from hadron_spec.registers import register

__all__ = [
    "ABORT", "ABORTED", "BUSY", "CONFIG", "DONE", "ERROR", "MEMORY_BASE", "MEMORY_BYTES",
    "PROGRAM_BASE", "START", "ControllerBench", "Transfers", "end", "execute", "transfer",
    "with_checksum",
]

CONFIG = CONFIGS[os.environ.get("BENCH_CONFIG", "h64")]
START, ABORT = 1, 2
BUSY, DONE, ERROR, ABORTED = 1, 2, 4, 8
PROGRAM_BASE = 0x1_0F80
"""Commands here come to cross a 4 KB boundary."""
MEMORY_BASE = 0x2_0F80
MEMORY_BYTES = 0x9000
READ_LATENCY = 5


class Memory:
    """Memory behind the AXI4 port."""

    def __init__(self) -> None:
        self.data = bytearray(0x4_0000)
        self.refused: set[range] = set()

    def _check(self, address: int, length: int) -> None:
        for part in self.refused:
            if address < part.stop and address + length > part.start:
                raise ValueError(f"refused: {address:#x}")
        if address + length > len(self.data):
            raise ValueError(f"no memory: {address:#x}")

    async def read(self, address: int, length: int) -> bytes:
        self._check(address, length)
        return bytes(self.data[address : address + length])

    async def write(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        self.data[address : address + len(data)] = data


def pauses(rng: random.Random) -> Iterator[bool]:
    """Pause in bursts of random density: never, sometimes, mostly."""
    while True:
        density = rng.choice((0.0, 0.0, 0.3, 0.6, 0.9))
        for _ in range(rng.randrange(1, 60)):
            yield rng.random() < density


class ProtocolMonitor:
    """Check what the memory port does, every cycle, and count what is outstanding."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self._forget()
        cocotb.start_soon(self._run())

    def _forget(self) -> None:
        """A reset ends everything."""
        self.reads: deque[int] = deque()
        self.writes: deque[int] = deque()
        self.beats_sent = 0
        self.bursts_sent = 0
        self.responses_due = 0
        self._held: dict[str, tuple[int, ...]] = {}

    @property
    def outstanding(self) -> int:
        """Bursts requested, in whichever state, that have not ended."""
        return len(self.reads) + len(self.writes) + self.responses_due + len(self._held)

    def _payload(self, channel: str) -> tuple[int, ...]:
        names = ("data", "strb", "last") if channel == "w" else (
            "addr", "len", "size", "burst", "id", "cache", "prot", "lock")
        return tuple(int(getattr(self.dut, f"m_axi_{channel}{name}").value) for name in names)

    def _address(self, channel: str) -> int:
        address, length, size, burst, *_ = self._payload(channel)
        size_bytes = 1 << size
        assert size_bytes == CONFIG.axi_bytes, "beats narrower than the bus"
        assert burst == 1, "not an incrementing burst"
        assert address % size_bytes == 0, f"{channel}addr {address:#x} is not aligned"
        last = address + (length + 1) * size_bytes - 1
        assert address >> 12 == last >> 12, f"burst crosses 4 KB: {address:#x}, {length + 1} beats"
        return length + 1

    async def _run(self) -> None:
        dut = self.dut
        while True:
            # Everything has settled half a cycle before the edge that counts.
            await FallingEdge(dut.clk)
            if int(dut.rst.value):
                self._forget()
                continue
            taken = {}
            for channel in ("ar", "aw", "w"):
                valid = int(getattr(dut, f"m_axi_{channel}valid").value)
                ready = int(getattr(dut, f"m_axi_{channel}ready").value)
                if channel in self._held:
                    assert valid, f"{channel}valid was taken back"
                    assert self._held[channel] == self._payload(channel), f"{channel} changed"
                self._held.pop(channel, None)
                if valid and not ready:
                    self._held[channel] = self._payload(channel)
                taken[channel] = valid and ready
            if taken["ar"]:
                self.reads.append(self._address("ar"))
            if taken["aw"]:
                self.writes.append(self._address("aw"))
            if taken["w"]:
                self._count_beat()
            if int(dut.m_axi_rvalid.value) and int(dut.m_axi_rready.value):
                self.reads[0] -= 1
                if not self.reads[0]:
                    self.reads.popleft()
            while self.bursts_sent and self.writes:
                self.bursts_sent -= 1
                self.writes.popleft()
                self.responses_due += 1
            if int(dut.m_axi_bvalid.value) and int(dut.m_axi_bready.value):
                self.responses_due -= 1
                assert self.responses_due >= 0, "a response to no burst"

    def _count_beat(self) -> None:
        # Beats may come before their address; the length is then checked at the last one.
        _, _, last = self._payload("w")
        self.beats_sent += 1
        if self.bursts_sent < len(self.writes):
            length = self.writes[self.bursts_sent]
            assert self.beats_sent <= length, "more beats than announced"
            assert last == (self.beats_sent == length), "wlast at the wrong beat"
        if last:
            self.beats_sent = 0
            self.bursts_sent += 1


class ExecuteModel:
    """The EXECUTE unit's side of the Controller."""

    def __init__(self, dut, rng: random.Random) -> None:
        self.dut = dut
        self.rng = rng
        self.spaces = {
            "activations": bytearray(CONFIG.act_bytes),
            "weights": bytearray(CONFIG.weight_bytes),
            "tables": bytearray(CONFIG.space_bytes(LocalSpace.TABLES)),
            "table": bytearray(1024),
        }
        self.started = 0
        self.longest = 40
        self.stalls = True
        cocotb.start_soon(self._run_commands())
        cocotb.start_soon(self._answer_reads())
        for space in ("activations", "weights", "table"):
            cocotb.start_soon(self._take_writes(space))

    @property
    def _in_reset(self) -> bool:
        return bool(int(self.dut.execute_reset.value) or int(self.dut.rst.value))

    def _stall(self) -> bool:
        return self.stalls and self.rng.random() < 0.3

    async def _take_writes(self, space: str) -> None:
        dut = self.dut
        ready = getattr(dut, f"write_{space}_ready")
        valid = getattr(dut, f"write_{space}_valid")
        payload = getattr(dut, f"write_{space}_payload")
        layout = LocalWrite(CONFIG)
        ready.value = 0
        held = None
        while True:
            await FallingEdge(dut.clk)
            is_ready = not self._stall()
            ready.value = is_ready
            if int(valid.value) and not self._in_reset:
                now = int(payload.value)
                assert held is None or held == now, f"write_{space} changed while it waited"
                held = None if is_ready else now
                if is_ready:
                    write = layout.from_bits(now)
                    name = "tables" if write.tables else space
                    self._write(self.spaces[name], write.address, write.data, write.strobe)
            else:
                assert held is None or self._in_reset, "a write was taken back"
                held = None

    @staticmethod
    def _write(target: bytearray, address: int, data: int, strobe: int) -> None:
        assert address % CONFIG.axi_bytes == 0
        for lane in range(CONFIG.axi_bytes):
            if strobe >> lane & 1:
                target[address + lane] = data >> (8 * lane) & 0xFF

    async def _answer_reads(self) -> None:
        dut = self.dut
        pipeline = deque([None] * READ_LATENCY)
        dut.read_request_ready.value = 0
        dut.read_data.value = 0
        while True:
            await FallingEdge(dut.clk)
            is_ready = not self._stall()
            dut.read_request_ready.value = is_ready
            if self._in_reset:
                pipeline = deque([None] * READ_LATENCY)
            elif int(dut.read_request_valid.value) and is_ready:
                pipeline.append(int(dut.read_request_payload.value))
            else:
                pipeline.append(None)
            address = pipeline.popleft() if len(pipeline) > READ_LATENCY else None
            if address is None:
                dut.read_data.value = 0
            else:
                beat = self.spaces["activations"][address : address + CONFIG.axi_bytes]
                dut.read_data.value = int.from_bytes(beat, "little") << 1 | 1

    async def _run_commands(self) -> None:
        dut = self.dut
        dut.execute_done.value = 0
        dut.mac_active.value = 0
        dut.stall_requantizer.value = 0
        left = 0
        while True:
            await FallingEdge(dut.clk)
            dut.execute_done.value = 0
            dut.execute_command_ready.value = left == 0
            if self._in_reset:
                left = 0
            elif left:
                left -= 1
                if left == 0:
                    dut.execute_done.value = 1
                    dut.execute_command_ready.value = 0
                    await FallingEdge(dut.clk)
                    dut.execute_done.value = 0
            elif int(dut.execute_command_valid.value):
                self.started += 1
                left = self.rng.randrange(2, self.longest)


class ControllerBench:
    """Everything around one Controller."""

    def __init__(self, dut, *, stalls: bool = True) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        logging.getLogger("cocotb").setLevel(logging.WARNING)
        for name in ("s_axil", "m_axi"):
            logging.getLogger(f"cocotb.{dut._name}.{name}").setLevel(logging.ERROR)
        cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
        self.memory = Memory()
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        self.slave = AxiSlave(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst,
                              target=self.memory)
        self.protocol = ProtocolMonitor(dut)
        self.execute = ExecuteModel(dut, random.Random(self.rng.random()))
        self.stream = StreamSource(dut, CONFIG.axi_bytes, random.Random(self.rng.random()),
                                   pauses(random.Random(self.rng.random())))
        if stalls:
            self.stall()

    def stall(self) -> None:
        """Pause every channel of both ports at random."""
        write, read = self.slave.write_if, self.slave.read_if
        for channel in (write.aw_channel, write.w_channel, write.b_channel,
                        read.ar_channel, read.r_channel,
                        self.master.write_if.aw_channel, self.master.write_if.w_channel,
                        self.master.write_if.b_channel, self.master.read_if.ar_channel,
                        self.master.read_if.r_channel):
            channel.set_pause_generator(pauses(random.Random(self.rng.random())))

    async def reset(self) -> None:
        """Reset for a few cycles and say where the memory is."""
        self.dut.rst.value = 1
        for _ in range(4):
            await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        await self.write("MEMORY_BASE", MEMORY_BASE)
        await self.write("MEMORY_BYTES", MEMORY_BYTES)
        await self.write("COMMAND_BASE", PROGRAM_BASE)
        await self.write("IRQ_ENABLE", 7)

    async def cycles(self, count: int) -> None:
        """Wait for `count` cycles."""
        for _ in range(count):
            await RisingEdge(self.dut.clk)

    async def read(self, name: str) -> int:
        """Read a register that exists."""
        answer = await self.master.read(register(name).offset, 4)
        assert answer.resp == AxiResp.OKAY
        return int.from_bytes(answer.data, "little")

    async def write(self, name: str, value: int) -> None:
        """Write a register that takes it."""
        answer = await self.master.write(register(name).offset, value.to_bytes(4, "little"))
        assert answer.resp == AxiResp.OKAY

    def put_program(self, commands: list[bytes]) -> None:
        """Write commands to memory."""
        data = b"".join(commands)
        self.memory.data[PROGRAM_BASE : PROGRAM_BASE + len(data)] = data

    async def start(self, commands: list[bytes]) -> None:
        """Write a program to memory and start it."""
        self.put_program(commands)
        await self.write("COMMAND_COUNT", len(commands))
        await self.write("CONTROL", START)

    async def interrupt(self, cycles: int = 20_000) -> int:
        """Wait for the interrupt; nothing may be outstanding. Return and clear the events."""
        for _ in range(cycles):
            await FallingEdge(self.dut.clk)
            if int(self.dut.irq.value):
                break
        else:
            raise AssertionError(f"no interrupt in {cycles} cycles")
        assert self.protocol.outstanding == 0, "the bus was not drained before the interrupt"
        events = await self.read("IRQ_STATUS")
        await self.write("IRQ_STATUS", events)
        status = await self.read("STATUS")
        assert not status & BUSY
        assert status >> 1 & 7 == events
        return events

    async def run(self, commands: list[bytes], cycles: int = 20_000) -> None:
        """Run a program that ends well."""
        await self.start(commands)
        events = await self.interrupt(cycles)
        if events != DONE >> 1:
            code = ErrorCode((await self.read("STATUS")) >> 8)
            index = await self.read("ERROR_COMMAND")
            raise AssertionError(f"events {events:#b}, {code.name} at command {index}")

    async def fail(self, commands: list[bytes], code: ErrorCode, index: int | None,
                   cycles: int = 20_000) -> None:
        """Run a program that must fail with `code` at command `index`."""
        await self.start(commands)
        events = await self.interrupt(cycles)
        found = ErrorCode((await self.read("STATUS")) >> 8)
        assert (events, found) == (ERROR >> 1, code), f"{events:#b} {found.name}, not {code.name}"
        if index is not None:
            assert await self.read("ERROR_COMMAND") == index

    async def counters(self) -> dict[str, int]:
        """Read the performance counters."""
        return {name: await self.read(name.upper()) for name in COUNTERS}


class Transfers:
    """Random transfers whose result is known."""

    def __init__(self, bench: ControllerBench, *, largest: int = 600) -> None:
        self.bench = bench
        self.rng = bench.rng
        self.largest = largest

    def geometry(self, local_bytes: int) -> dict[str, int]:
        """Draw a transfer inside the memory region and `local_bytes`."""
        bus = CONFIG.axi_bytes
        rng = self.rng
        while True:
            phase = rng.choice((0, rng.randrange(bus)))
            rows = rng.choice((1, 1, 2, rng.randrange(1, 9)))
            row_bytes = rng.choice((1, bus, rng.randrange(1, 3 * bus),
                                    rng.randrange(1, self.largest)))
            reach = -(-(phase + row_bytes) // bus) * bus
            memory_pitch = reach + bus * rng.randrange(4)
            local_pitch = reach + bus * rng.randrange(4)
            offset = rng.randrange(0, MEMORY_BYTES, bus) + phase
            local = rng.randrange(0, local_bytes, bus) + phase
            if (offset + (rows - 1) * memory_pitch + row_bytes <= MEMORY_BYTES
                    and local + (rows - 1) * local_pitch + row_bytes <= local_bytes):
                return {
                    "memory_offset": offset, "local_address": local, "row_bytes": row_bytes,
                    "rows": rows, "memory_pitch": memory_pitch, "local_pitch": local_pitch,
                }

    @staticmethod
    def copy(g: dict[str, int], source: bytearray, source_name: str,
             target: bytearray) -> None:
        """Do in Python what the transfer does; `source_name` is 'memory' or 'local'."""
        for row in range(g["rows"]):
            memory = MEMORY_BASE + g["memory_offset"] + row * g["memory_pitch"]
            local = g["local_address"] + row * g["local_pitch"]
            a, b = (memory, local) if source_name == "memory" else (local, memory)
            target[b : b + g["row_bytes"]] = source[a : a + g["row_bytes"]]


def end() -> bytes:
    """Return an END command."""
    return encode(Opcode.END)


def execute(opcode: Opcode = Opcode.MAX, **fields: int) -> bytes:
    """Return a legal EXECUTE command."""
    base = {"count_kg": 1, "count_oy": 1, "count_ox": 1, "count_ky": 1, "count_kx": 1,
            "count_seg": 1, "outputs": 1, "last_outputs": 1}
    return encode(opcode, **(base | fields))


def transfer(opcode: Opcode, **fields: int) -> bytes:
    """Return a legal one-row LOAD or STORE."""
    return encode(opcode, **({"rows": 1, "row_bytes": 64} | fields))


def with_checksum(words: list[int]) -> bytes:
    """Return a command of any words, the checksum made right."""
    words = [*words]
    words[1] = checksum(words[:1] + words[2:])
    assert len(words) * 4 == COMMAND_BYTES
    return b"".join(word.to_bytes(4, "little") for word in words)

