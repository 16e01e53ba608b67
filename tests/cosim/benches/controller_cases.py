"""The Controller under random stalls on every channel."""

import cocotb
from cocotb.triggers import FallingEdge
from cocotbext.axi import AxiResp
from controller_bench import (
    ABORT,
    ABORTED,
    BUSY,
    CONFIG,
    DONE,
    MEMORY_BASE,
    MEMORY_BYTES,
    PROGRAM_BASE,
    START,
    ControllerBench,
    Transfers,
    end,
    execute,
    transfer,
    with_checksum,
)

from hadron_rtl.control.registers import field_mask
from hadron_spec.commands import LocalSpace, Opcode, encode
from hadron_spec.errors import ErrorCode
from hadron_spec.registers import ID, REGISTERS, VERSION, Access, register

BIT_0, BIT_1 = 0b01, 0b10
LOAD, STORE = Opcode.LOAD, Opcode.STORE


@cocotb.test()
async def registers_read_and_write(dut):
    """Every register, every access, strobes and refusals."""
    bench = ControllerBench(dut)
    await bench.reset()
    assert await bench.read("ID") == ID
    major, minor, patch = VERSION
    assert await bench.read("VERSION") == major << 16 | minor << 8 | patch
    assert await bench.read("CONFIG0") == (
        CONFIG.lanes | CONFIG.columns << 8 | CONFIG.axi_bytes << 24)
    assert await bench.read("CONFIG1") == CONFIG.act_bytes // 1024 | CONFIG.weight_steps << 16
    for r in REGISTERS:
        if r.access is Access.RW:
            mask = field_mask(r)
            value = bench.rng.getrandbits(32)
            await bench.write(r.name, value)
            assert await bench.read(r.name) == value & mask
            # One byte at a time.
            at = bench.rng.randrange(4)
            byte = bench.rng.getrandbits(8)
            answer = await bench.master.write(r.offset + at, bytes([byte]))
            assert answer.resp == AxiResp.OKAY
            value = value & ~(0xFF << 8 * at) | byte << 8 * at
            assert await bench.read(r.name) == value & mask
        elif r.access is Access.RO:
            before = await bench.read(r.name)
            answer = await bench.master.write(r.offset, b"\xff\xff\xff\xff")
            assert answer.resp == AxiResp.SLVERR
            assert await bench.read(r.name) == before
    used = {r.offset for r in REGISTERS}
    for offset in bench.rng.sample([o for o in range(0, 4096, 4) if o not in used], 8):
        answer = await bench.master.read(offset, 4)
        assert (answer.resp, answer.data) == (AxiResp.SLVERR, bytes(4))
        answer = await bench.master.write(offset, b"\xff\xff\xff\xff")
        assert answer.resp == AxiResp.SLVERR
    assert await bench.read("CONTROL") == 0


@cocotb.test()
async def interrupt_follows_enable_and_clear(dut):
    """IRQ_STATUS keeps events, IRQ_ENABLE masks them, writing one clears them."""
    bench = ControllerBench(dut)
    await bench.reset()
    await bench.write("IRQ_ENABLE", 0)
    await bench.start([end()])
    while await bench.read("STATUS") & BUSY:
        pass
    assert await bench.read("IRQ_STATUS") == 1
    assert not int(dut.irq.value)
    await bench.write("IRQ_STATUS", 0b110)
    assert await bench.read("IRQ_STATUS") == 1
    await bench.write("IRQ_ENABLE", 1)
    await bench.cycles(2)
    assert int(dut.irq.value)
    # A strobe of another byte clears nothing.
    await bench.master.write(register("IRQ_STATUS").offset + 1, b"\xff")
    assert await bench.read("IRQ_STATUS") == 1
    await bench.write("IRQ_STATUS", 1)
    assert await bench.read("IRQ_STATUS") == 0
    await bench.cycles(2)
    assert not int(dut.irq.value)


@cocotb.test()
async def transfers_copy_what_they_say(dut):
    """Random LOADs and STOREs against the same in Python; no other byte changes."""
    bench = ControllerBench(dut)
    await bench.reset()
    memory, local = bench.memory.data, bench.execute.spaces["activations"]
    memory[:] = bench.rng.randbytes(len(memory))
    local[:] = bench.rng.randbytes(len(local))
    draw = Transfers(bench)
    for _ in range(4):
        commands = []
        expected_memory, expected_local = bytearray(memory), bytearray(local)
        for _ in range(4):
            # The STORE waits for the LOAD, the next LOAD for the STORE: the order is theirs.
            g = draw.geometry(CONFIG.act_bytes)
            draw.copy(g, expected_memory, "memory", expected_local)
            wait = BIT_1 if commands else 0
            commands.append(encode(LOAD, **g, wait=wait, send=BIT_1))
            g = draw.geometry(CONFIG.act_bytes)
            draw.copy(g, expected_local, "local", expected_memory)
            commands.append(encode(STORE, **g, wait=BIT_0, send=BIT_0))
        commands.append(end())
        size = len(commands) * 128
        expected_memory[PROGRAM_BASE : PROGRAM_BASE + size] = b"".join(commands)
        await bench.run(commands)
        assert local == expected_local
        assert memory == expected_memory


@cocotb.test()
async def long_rows_are_split_at_4_kb(dut):
    """A row of several bursts, up to the last byte of region and scratchpad."""
    bench = ControllerBench(dut)
    await bench.reset()
    memory, local = bench.memory.data, bench.execute.spaces["activations"]
    memory[:] = bench.rng.randbytes(len(memory))
    size = 9000
    common = {"row_bytes": size, "rows": 1}
    g = {"memory_offset": MEMORY_BYTES - size, "local_address": CONFIG.act_bytes - size, **common}
    expected = bytes(memory[MEMORY_BASE + MEMORY_BYTES - size : MEMORY_BASE + MEMORY_BYTES])
    back = {"memory_offset": 8, "local_address": CONFIG.act_bytes - size, **common}
    await bench.run([encode(LOAD, **g, send=BIT_1), encode(STORE, **back, wait=BIT_0), end()],
                    100_000)
    assert bytes(local[-size:]) == expected
    assert bytes(memory[MEMORY_BASE + 8 : MEMORY_BASE + 8 + size]) == expected
    counters = await bench.counters()
    beats = -(-size // CONFIG.axi_bytes)
    assert counters["read_beats"] == beats + 3 * 128 // CONFIG.axi_bytes
    assert counters["write_beats"] == beats


@cocotb.test()
async def weights_and_table_are_loaded(dut):
    """The other spaces, with strobes."""
    bench = ControllerBench(dut)
    await bench.reset()
    memory = bench.memory.data
    memory[:] = bench.rng.randbytes(len(memory))
    draw = Transfers(bench)
    spaces = bench.execute.spaces
    expected = {name: bytearray(space) for name, space in spaces.items()}
    commands = []
    for _ in range(6):
        for space, name in ((LocalSpace.WEIGHTS, "weights"), (LocalSpace.TABLES, "tables"),
                            (LocalSpace.TABLE, "table")):
            g = draw.geometry(len(spaces[name]))
            draw.copy(g, memory, "memory", expected[name])
            commands.append(encode(LOAD, **g, space=space))
    await bench.run([*commands, end()])
    assert spaces == expected


@cocotb.test()
async def tokens_order_the_units(dut):
    """Rings of tokens through all three units; EXECUTE runs every command once."""
    bench = ControllerBench(dut)
    await bench.reset()
    rounds = 12
    commands = []
    for i in range(rounds):
        # LOAD -> EXECUTE -> STORE -> LOAD (the first LOAD needs no token).
        commands += [
            transfer(LOAD, wait=BIT_1 if i else 0, send=BIT_0, layer=i),
            execute(wait=BIT_0, send=BIT_1, layer=i),
            transfer(STORE, wait=BIT_1, send=BIT_0, layer=i, memory_offset=256),
        ]
    await bench.start([*commands, end()])
    order = []
    previous = {}
    while not int(dut.irq.value):
        await FallingEdge(dut.clk)
        for unit in ("load", "execute", "store"):
            busy = int(getattr(dut, f"trace_{unit}_busy").value)
            if busy and not previous.get(unit):
                order.append((unit, int(getattr(dut, f"trace_{unit}_layer").value)))
            previous[unit] = busy
    assert await bench.interrupt() == DONE >> 1
    assert order == [(unit, i) for i in range(rounds) for unit in ("load", "execute", "store")]
    assert bench.execute.started == rounds
    counters = await bench.counters()
    assert counters["stall_load"] > 0
    assert counters["execute_busy"] + counters["stall_load"] + counters["stall_command"] \
        <= counters["cycles"]


@cocotb.test()
async def left_over_tokens_do_not_reach_the_next_program(dut):
    """START begins with no tokens."""
    bench = ControllerBench(dut)
    await bench.reset()
    await bench.run([transfer(LOAD, send=BIT_0 | BIT_1), end()])
    await bench.fail([execute(wait=BIT_0), end()], ErrorCode.DEADLOCK, 0)
    await bench.fail([transfer(LOAD), transfer(STORE, wait=BIT_0), end()], ErrorCode.DEADLOCK, 1)


@cocotb.test()
async def errors_name_code_and_command(dut):
    """Each error the decoder and the units find, at a random place among good commands."""
    bench = ControllerBench(dut)
    await bench.reset()
    good = [transfer(LOAD), execute(), transfer(STORE), execute(Opcode.MATRIX)]

    def broken_checksum():
        command = bytearray(transfer(LOAD))
        bit = bench.rng.randrange(8, 1024)
        command[bit // 8] ^= 1 << bit % 8
        return bytes(command)

    bus = CONFIG.axi_bytes
    field, alignment, address = ErrorCode.FIELD, ErrorCode.ALIGNMENT, ErrorCode.ADDRESS
    words = [0] * 32
    words[0] = bench.rng.choice([o for o in range(256) if o not in set(Opcode)])
    cases = [
        (broken_checksum(), ErrorCode.CHECKSUM),
        (broken_checksum(), ErrorCode.CHECKSUM),
        (with_checksum(words), ErrorCode.OPCODE),
        (transfer(LOAD, rows=0), field),
        (transfer(STORE, row_bytes=0), field),
        (execute(Opcode.LOOKUP, count_kg=2), field),
        *((execute(**{f"count_{level}": 0}), field)
          for level in ("kg", "oy", "ox", "ky", "kx", "seg")),
        (execute(outputs=0), field),
        (execute(outputs=CONFIG.columns + 1), field),
        (execute(Opcode.LOOKUP, continues=1), field),
        (execute(last_outputs=CONFIG.columns + 1), field),
        (execute(height=32768), field),
        (execute(width_bytes=32768), field),
        (execute(Opcode.MATRIX, weight_step=CONFIG.weight_steps), field),
        (transfer(LOAD, memory_offset=1), alignment),
        (transfer(STORE, local_address=bus + 1, memory_offset=2), alignment),
        (transfer(LOAD, rows=2, memory_pitch=bus + 1, local_pitch=bus), alignment),
        (transfer(LOAD, rows=2, memory_pitch=bus, local_pitch=bus + 1), alignment),
        (transfer(LOAD, memory_offset=MEMORY_BYTES - bus), address),
        (transfer(STORE, memory_offset=MEMORY_BYTES), address),
        (transfer(LOAD, memory_offset=0xFFFF_FFC0), address),
        (transfer(STORE, local_address=0xFFFF_FFC0), address),
        (transfer(LOAD, row_bytes=0xFFFF_FFFF), address),
        (transfer(LOAD, local_address=CONFIG.act_bytes - bus), address),
        (transfer(LOAD, local_address=CONFIG.weight_bytes - bus, space=1), address),
        (transfer(LOAD, local_address=1024 - bus, space=2), address),
        (transfer(LOAD, local_address=CONFIG.weight_steps * CONFIG.lanes - bus, space=3), address),
        (transfer(STORE, rows=3, memory_pitch=0xFFFF_FF80, local_pitch=64,
                  memory_offset=0x400), address),
        (transfer(LOAD, rows=3, local_pitch=CONFIG.act_bytes // 2, memory_pitch=64), address),
    ]
    for command, code in cases:
        before = [bench.rng.choice(good) for _ in range(bench.rng.randrange(4))]
        await bench.fail([*before, command, *good, end()], code, len(before))
    await bench.run([*good, execute(Opcode.SOFTMAX), end()])


@cocotb.test()
async def bounds_are_inclusive(dut):
    """What lies just inside a limit runs."""
    bench = ControllerBench(dut)
    await bench.reset()
    await bench.run([
        execute(outputs=1, last_outputs=0),
        execute(outputs=CONFIG.columns, last_outputs=CONFIG.columns, height=32767,
                width_bytes=32767, weight_step=CONFIG.weight_steps - 1),
        transfer(LOAD, memory_offset=MEMORY_BYTES - 64, local_address=CONFIG.act_bytes - 64),
        transfer(LOAD, local_address=1024 - 64, space=2),
        transfer(LOAD, local_address=CONFIG.weight_bytes - 64, space=1),
        transfer(LOAD, memory_pitch=1, local_pitch=3),
        end(),
    ])


@cocotb.test()
async def program_errors_end_it(dut):
    """END_OF_STREAM, base alignment, watchdog."""
    bench = ControllerBench(dut)
    await bench.reset()
    await bench.fail([execute(), execute()], ErrorCode.END_OF_STREAM, 2)
    await bench.write("COMMAND_COUNT", 0)
    await bench.write("CONTROL", START)
    assert await bench.interrupt() == 0b010
    assert await bench.read("STATUS") >> 8 == ErrorCode.END_OF_STREAM
    for name, base in (("COMMAND_BASE", PROGRAM_BASE), ("MEMORY_BASE", MEMORY_BASE)):
        await bench.write(name, base + bench.rng.choice([1 << i for i in range(7)]))
        await bench.fail([end()], ErrorCode.ALIGNMENT, 0)
        await bench.write(name, base)
    bench.execute.longest = 1000
    await bench.write("WATCHDOG", 500)
    await bench.fail([*(execute() for _ in range(20)), end()], ErrorCode.WATCHDOG, None)
    cycles = await bench.read("CYCLES")
    assert 500 <= cycles < 1000
    await bench.write("WATCHDOG", 1_000_000)
    bench.execute.longest = 10
    await bench.run([execute(), end()])


@cocotb.test()
async def commands_behind_end_are_not_run(dut):
    """What was read ahead of END's discovery does no harm, be it garbage or refused."""
    bench = ControllerBench(dut)
    await bench.reset()
    for before in range(6):
        program = [*(execute() for _ in range(before)), end()]
        behind = PROGRAM_BASE + 128 * len(program)
        bench.memory.refused = {range(behind, behind + 1)} if before % 2 else set()
        started = bench.execute.started
        await bench.run([*program, bytes(128), *(execute() for _ in range(4)), end()])
        assert bench.execute.started == started + before


@cocotb.test()
async def deadlocks_are_found(dut):
    """Behind END, behind a full queue, and in a ring."""
    bench = ControllerBench(dut)
    await bench.reset()
    await bench.fail([execute(wait=BIT_0), end()], ErrorCode.DEADLOCK, 0)
    await bench.fail([transfer(LOAD), *(transfer(STORE, wait=BIT_1) for _ in range(12)), end()],
                     ErrorCode.DEADLOCK, 1)
    await bench.fail([
        transfer(LOAD, wait=BIT_0, send=BIT_0), execute(wait=BIT_0, send=BIT_0), end(),
    ], ErrorCode.DEADLOCK, 0)
    # Not a deadlock: the LOAD that frees EXECUTE comes after a long way.
    await bench.run([
        execute(wait=BIT_0), *(transfer(LOAD) for _ in range(7)), transfer(LOAD, send=BIT_0),
        end(),
    ])


@cocotb.test()
async def bus_errors_are_reported(dut):
    """SLVERR on a fetch, a LOAD and a STORE."""
    bench = ControllerBench(dut)
    await bench.reset()
    good = [execute(), transfer(LOAD, memory_offset=0x2000)]
    for _ in range(3):
        at = bench.rng.randrange(3)
        bench.memory.refused = {range(PROGRAM_BASE + 128 * at + 32, PROGRAM_BASE + 128 * at + 33)}
        await bench.fail([*good, execute(), end()], ErrorCode.BUS_READ, at)
        bench.memory.refused = {range(MEMORY_BASE + 0x100, MEMORY_BASE + 0x108)}
        await bench.fail([*good, transfer(LOAD, row_bytes=0x800), *good, end()],
                         ErrorCode.BUS_READ, 2)
        await bench.fail([*good, transfer(STORE, row_bytes=0x800), *good, end()],
                         ErrorCode.BUS_WRITE, 2)
        bench.memory.refused = set()
        await bench.run([*good, end()])


@cocotb.test()
async def abort_at_any_cycle_leaves_nothing_outstanding(dut):
    """Abort a busy program at random cycles; then the same program runs to its end."""
    bench = ControllerBench(dut)
    await bench.reset()
    memory, local = bench.memory.data, bench.execute.spaces["activations"]
    draw = Transfers(bench, largest=900)
    aborted = 0
    for _ in range(25):
        commands = []
        for _ in range(5):
            commands += [
                encode(LOAD, **draw.geometry(CONFIG.act_bytes), send=BIT_0),
                execute(wait=BIT_0, send=BIT_1),
                encode(STORE, **draw.geometry(CONFIG.act_bytes), wait=BIT_1),
            ]
        commands.append(end())
        await bench.start(commands)
        await bench.cycles(bench.rng.randrange(bench.rng.choice((30, 400, 1500))))
        await bench.write("CONTROL", ABORT)
        events = await bench.interrupt()
        assert events in (DONE >> 1, ABORTED >> 1)
        aborted += events == ABORTED >> 1
        await bench.cycles(20)
        assert bench.protocol.outstanding == 0
        # What runs next knows nothing of it.
        memory[:] = bench.rng.randbytes(len(memory))
        g = draw.geometry(CONFIG.act_bytes)
        expected = bytearray(local)
        draw.copy(g, memory, "memory", expected)
        await bench.run([encode(LOAD, **g), end()])
        assert local == expected
    assert aborted >= 10, f"only {aborted} of 25 runs were aborted in time"


@cocotb.test()
async def reset_at_any_cycle_starts_afresh(dut):
    """The NPU after a reset in the middle of everything, together with its bus."""
    bench = ControllerBench(dut)
    await bench.reset()
    for _ in range(4):
        await bench.start([*(transfer(LOAD, row_bytes=800) for _ in range(4)), end()])
        await bench.cycles(bench.rng.randrange(300))
        await bench.reset()
        assert await bench.read("STATUS") == 0
        assert await bench.read("IRQ_STATUS") == 0
        await bench.run([execute(), end()])


@cocotb.test()
async def start_while_busy_and_abort_while_idle_do_nothing(dut):
    """The two actions at the wrong time."""
    bench = ControllerBench(dut)
    await bench.reset()
    await bench.write("CONTROL", ABORT)
    await bench.cycles(20)
    assert await bench.read("IRQ_STATUS") == 0
    bench.execute.longest = 300
    await bench.start([*(execute() for _ in range(6)), end()])
    for _ in range(3):
        await bench.write("CONTROL", START)
    assert await bench.interrupt() == DONE >> 1
    assert bench.execute.started == 6


@cocotb.test()
async def settings_written_while_busy_wait_for_the_next_start(dut):
    """The running program keeps the settings it was started with."""
    bench = ControllerBench(dut)
    await bench.reset()
    bench.execute.longest = 200
    await bench.start([*(transfer(LOAD, wait=BIT_0) if i else execute(send=BIT_0)
                         for i in range(2)), end()])
    await bench.write("MEMORY_BYTES", 0)
    await bench.write("COMMAND_COUNT", 0)
    assert await bench.interrupt() == DONE >> 1
    await bench.fail([transfer(LOAD), end()], ErrorCode.ADDRESS, 0)
