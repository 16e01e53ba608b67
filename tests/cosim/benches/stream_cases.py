"""LOAD from the input stream: what comes, what is wrong with it, what an ABORT leaves of it."""

import cocotb
from cocotb.triggers import FallingEdge
from controller_bench import (
    ABORT,
    ABORTED,
    BUSY,
    CONFIG,
    DONE,
    START,
    ControllerBench,
    end,
    execute,
    transfer,
)

from hadron_spec.commands import LocalSpace, Opcode, encode
from hadron_spec.errors import ErrorCode

BIT_0, BIT_1 = 0b01, 0b10
LOAD, STORE = Opcode.LOAD, Opcode.STORE
BUS = CONFIG.axi_bytes
SPACES = {LocalSpace.ACTIVATIONS: "activations", LocalSpace.WEIGHTS: "weights",
          LocalSpace.TABLES: "tables", LocalSpace.TABLE: "table"}


def receive(size: int, local: int, **fields: int) -> bytes:
    """Return a LOAD of one row from the stream."""
    return encode(LOAD, stream=1, row_bytes=size, local_address=local, **({"rows": 1} | fields))


def pieces(rng, size: int) -> list[int]:
    """Cut a tensor where a beat ends; return the pieces' sizes."""
    beats = -(-size // BUS)
    cuts = sorted(rng.sample(range(1, beats), min(beats - 1, rng.randrange(4))))
    ends = [cut * BUS for cut in cuts] + [size]
    return [stop - start for start, stop in zip([0, *ends[:-1]], ends, strict=True)]


async def settle(bench: ControllerBench) -> None:
    """Wait until the sender has nothing left."""
    for _ in range(5000):
        await FallingEdge(bench.dut.clk)
        if not bench.stream.beats:
            return
    raise AssertionError(f"{len(bench.stream.beats)} beats were not taken")


@cocotb.test()
async def tensors_arrive_whole(dut):
    """Tensors of any size in pieces, between LOADs and STOREs of memory; nothing else changes."""
    bench = ControllerBench(dut)
    await bench.reset()
    rng, local = bench.rng, bench.execute.spaces["activations"]
    bench.memory.data[:] = rng.randbytes(len(bench.memory.data))
    for _ in range(8):
        local[:] = rng.randbytes(len(local))
        expected = bytearray(local)
        commands = []
        for _ in range(rng.randrange(1, 4)):
            tensor = rng.randbytes(rng.choice((1, BUS, rng.randrange(1, 80), 33 * BUS, 1500)))
            at = rng.randrange(0, CONFIG.act_bytes - 2048, BUS)
            expected[at : at + len(tensor)] = tensor
            position = 0
            sizes = pieces(rng, len(tensor))
            for number, size in enumerate(sizes, 1):
                commands.append(receive(size, at + position, stream_end=number == len(sizes)))
                position += size
                if rng.random() < 0.5:
                    commands.append(transfer(LOAD, space=LocalSpace.WEIGHTS))
            bench.stream.put(tensor)
        await bench.run([*commands, end()])
        assert local == expected
        counters = await bench.counters()
        assert counters["stream_wait"] <= counters["load_busy"]
    assert await bench.read("STREAM_DROPPED") == 0


@cocotb.test()
async def rows_begin_in_beats_of_their_own(dut):
    """Rows with a pitch and a first byte, into every memory."""
    bench = ControllerBench(dut)
    await bench.reset()
    rng = bench.rng
    expected = {name: bytearray(space) for name, space in bench.execute.spaces.items()}
    for space, name in SPACES.items():
        commands = []
        first, size, rows = rng.randrange(BUS), rng.randrange(1, 60), rng.randrange(2, 5)
        beats = -(-(first + size) // BUS)
        pitch = (beats + rng.randrange(3)) * BUS
        tensor = rng.randbytes(rows * beats * BUS)
        bench.stream.put(tensor)
        commands.append(receive(size, first, memory_offset=(1 << 20) + first, rows=rows,
                                local_pitch=pitch, space=space, stream_end=1))
        for row in range(rows):
            begin = row * beats * BUS + first
            at = first + row * pitch
            expected[name][at : at + size] = tensor[begin : begin + size]
        await bench.run([*commands, end()])
    assert bench.execute.spaces == expected


@cocotb.test()
async def wrong_lengths_and_broken_tensors_are_errors(dut):
    """Each ends the program with its code, and the next tensor is whole."""
    bench = ControllerBench(dut)
    await bench.reset()
    rng, local = bench.rng, bench.execute.spaces["activations"]
    dropped = 0
    for _ in range(24):
        size = rng.randrange(3 * BUS, 500)
        sizes = pieces(rng, size)
        beats = -(-size // BUS)
        kind = rng.choice(("short", "long", "broken", "good"))
        if kind == "short":
            bench.stream.put(rng.randbytes(rng.randrange(1, beats) * BUS))
        elif kind == "long":
            bench.stream.put(rng.randbytes(beats * BUS + rng.randrange(1, 6 * BUS)))
            dropped += 1
        else:
            bench.stream.put(rng.randbytes(size), broken=kind == "broken")
        tensor = rng.randbytes(size)
        bench.stream.put(tensor)
        program, position = [], 0
        for number, part in enumerate(sizes, 1):
            program.append(receive(part, position, stream_end=number == len(sizes)))
            position += part
        program += [execute(), end()]
        if kind == "good":
            await bench.run(program)
        else:
            code = {"short": ErrorCode.STREAM_SHORT, "long": ErrorCode.STREAM_LONG,
                    "broken": ErrorCode.STREAM_BROKEN}[kind]
            index = None if kind == "short" else len(sizes) - 1
            await bench.fail(program, code, index)
        await bench.run(program)
        assert local[:size] == tensor
        assert await bench.read("STREAM_DROPPED") == dropped
    await settle(bench)


@cocotb.test()
async def an_abort_ends_the_wait_and_the_next_program_gets_a_whole_tensor(dut):
    """Abort before, in and after a tensor, at random cycles; what was begun is thrown away."""
    bench = ControllerBench(dut)
    await bench.reset()
    rng, local = bench.rng, bench.execute.spaces["activations"]
    aborted = 0
    for _ in range(24):
        size = rng.randrange(1, 900)
        program = [receive(size, 0, stream_end=1, send=BIT_0), execute(wait=BIT_0), end()]
        some = rng.choice((0, 0, rng.randrange(1, 900)))
        await bench.start(program)
        if some:
            bench.stream.put(rng.randbytes(some), ends=False)
        await bench.cycles(rng.randrange(rng.choice((40, 300))))
        await bench.write("CONTROL", ABORT)
        events = await bench.interrupt()
        # A LONG tensor may have been found before.
        assert events & ABORTED >> 1 or await bench.read("STATUS") >> 8 == ErrorCode.STREAM_LONG
        aborted += bool(events & ABORTED >> 1)
        if some:
            bench.stream.put(rng.randbytes(BUS))
        tensor = rng.randbytes(size)
        # What waits at the port, or was left by the program, ends here.
        await bench.write("STREAM", 1)
        await settle(bench)
        await bench.cycles(4)
        await bench.write("STREAM", 0)
        bench.stream.put(tensor)
        await bench.run(program)
        assert local[:size] == tensor
    assert aborted >= 12, f"only {aborted} of 24 runs were aborted in time"


@cocotb.test()
async def tensors_wait_for_a_program_or_are_dropped(dut):
    """Without STREAM.DROP the sender waits for START; with it, the program gets the next tensor."""
    bench = ControllerBench(dut)
    await bench.reset()
    rng, local = bench.rng, bench.execute.spaces["activations"]
    program = [receive(200, 64, stream_end=1), end()]
    first, second = rng.randbytes(200), rng.randbytes(200)
    bench.stream.put(first)
    await bench.cycles(300)
    assert len(bench.stream.beats) >= -(-200 // BUS) - 2
    await bench.run(program)
    assert local[64:264] == first
    await bench.write("STREAM", 1)
    for count in range(1, 4):
        bench.stream.put(rng.randbytes(rng.randrange(1, 300)))
        await settle(bench)
        await bench.cycles(4)
        assert await bench.read("STREAM_DROPPED") == count
    await bench.start(program)
    await bench.cycles(200)
    assert await bench.read("STATUS") & BUSY
    bench.stream.put(second)
    assert await bench.interrupt() == DONE >> 1
    assert local[64:264] == second
    assert (await bench.counters())["stream_wait"] > 100


@cocotb.test()
async def a_wait_is_no_deadlock_and_ends_with_the_watchdog(dut):
    """EXECUTE waits for LOAD, LOAD for a tensor that does not come."""
    bench = ControllerBench(dut)
    await bench.reset()
    program = [receive(64, 0, stream_end=1, send=BIT_0), execute(wait=BIT_0), end()]
    await bench.start(program)
    await bench.cycles(1000)
    assert await bench.read("STATUS") & BUSY
    await bench.write("CONTROL", START)
    bench.stream.put(bench.rng.randbytes(64))
    assert await bench.interrupt() == DONE >> 1
    await bench.write("WATCHDOG", 600)
    await bench.fail(program, ErrorCode.WATCHDOG, None)
    await bench.write("WATCHDOG", 0)
    bench.stream.put(bench.rng.randbytes(64))
    await bench.run(program)


@cocotb.test()
async def stream_loads_are_checked(dut):
    """Addresses on chip and alignment; memory's limits do not matter."""
    bench = ControllerBench(dut)
    await bench.reset()
    size = CONFIG.act_bytes
    await bench.fail([receive(BUS + 1, size - BUS), end()], ErrorCode.ADDRESS, 0)
    await bench.fail([receive(BUS, 1), end()], ErrorCode.ALIGNMENT, 0)
    await bench.fail([transfer(STORE, stream=1), end()], ErrorCode.FIELD, 0)
    await bench.write("MEMORY_BYTES", 0)
    tensor = bench.rng.randbytes(300)
    bench.stream.put(tensor)
    await bench.run([receive(300, 0, stream_end=1), end()])
    assert bench.execute.spaces["activations"][:300] == tensor
