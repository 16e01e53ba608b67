"""Writer against a plain walk of the destination loops."""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hadron_rtl.control.layouts import ExecuteCommand
from hadron_rtl.control.result_counts import count_results
from hadron_rtl.postproc.writer import Writer
from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import NpuConfig
from hadron_testing.execute_reference import destinations

CONFIG = NpuConfig(name="test", lanes=16, columns=8, dsp_columns=4, act_bytes=32 << 10,
                   weight_steps=16, axi_data_width=64)


def random_fields(rng, opcode, tall=0):
    fields = dict.fromkeys(FIELDS[opcode], 0)
    fields["opcode"] = int(opcode)
    for level in ("kg", "oy", "ox"):
        fields[f"count_{level}"] = int(rng.integers(1, 5))
        fields[f"destination_{level}"] = int(rng.integers(-(1 << 23), 1 << 23))
    if opcode == Opcode.DEPTHWISE:
        fields |= {"count_ox": int(rng.integers(3, 8)) + 2 * tall, "tall": tall,
                   "count_kx": int(rng.integers(5 + tall, 17)),
                   "stride_x": int(rng.integers(2)), "stride_y": int(rng.integers(2)),
                   "odd": int(rng.integers(2)),
                   "destination_px": int(rng.integers(-(1 << 23), 1 << 23))}
    fields["destination"] = int(rng.integers(CONFIG.act_bytes))
    fields["outputs"] = int(rng.integers(1, CONFIG.columns + 1))
    fields["last_outputs"] = int(rng.integers(1, CONFIG.columns + 1))
    return fields


def run(commands, rng, *, density):
    """Return what was written for each command as (address, bytes, cycle, finished)."""
    top = Module()
    top.submodules.dut = dut = Writer(CONFIG)
    command = Signal(ExecuteCommand)
    top.d.comb += [dut.command.eq(command), dut.counts.eq(count_results(top, CONFIG, command))]
    written = []

    async def bench(ctx):
        for fields in commands:
            ctx.set(command, {k: v for k, v in fields.items() if k != "checksum"})
            await ctx.tick().repeat(3)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            count, taken, seen = len(list(destinations(fields))), 0, []
            for cycle in range(20 * count + 10):
                if not ctx.get(dut.results.valid) and rng.random() < density:
                    base = taken * CONFIG.columns
                    ctx.set(dut.results.payload,
                            [(base + j) % 256 - 128 for j in range(CONFIG.columns)])
                    ctx.set(dut.results.valid, 1)
                if ctx.get(dut.o.valid):
                    write = ctx.get(dut.o.payload)
                    bits = [j for j in range(CONFIG.columns) if write.strobe >> j & 1]
                    seen.append((write.address, [write.data[j] for j in bits], bits, cycle,
                                 ctx.get(dut.finished)))
                fire = ctx.get(dut.results.valid) and ctx.get(dut.results.ready)
                await ctx.tick()
                if fire:
                    taken += 1
                    ctx.set(dut.results.valid, 0)
            assert taken == count
            ctx.set(dut.results.valid, 0)
            written.append(seen)

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return written


def expect(fields, seen):
    reference = list(destinations(fields))
    assert len(seen) == len(reference)
    for i, ((address, data, bits, _, finished), (where, count)) in enumerate(
            zip(seen, reference, strict=True)):
        assert address == where % CONFIG.act_bytes
        assert bits == list(range(count))
        assert data == [((i * CONFIG.columns + j) % 256 - 128) & 255 for j in range(count)]
        assert finished == (i == len(reference) - 1)


@pytest.mark.parametrize(("opcode", "tall"), [
    (Opcode.MATRIX, 0), (Opcode.SOFTMAX, 0), (Opcode.DEPTHWISE, 0), (Opcode.DEPTHWISE, 1)])
def test_steps_through_the_destination(rng, opcode, tall):
    commands = [random_fields(rng, opcode, tall) for _ in range(5)]
    for fields, seen in zip(commands, run(commands, rng, density=0.4), strict=True):
        expect(fields, seen)


def test_writes_a_result_a_cycle(rng):
    fields = random_fields(rng, Opcode.MAX)
    (seen,) = run([fields], rng, density=1)
    expect(fields, seen)
    cycles = [cycle for *_, cycle, _ in seen]
    assert cycles == list(range(cycles[0], cycles[0] + len(cycles)))
    assert cycles[0] == Writer.LATENCY
