"""An ExecuteUnit with everything around it: memories filled, commands given, bytes compared."""

import numpy as np
from amaranth.sim import Simulator

from hadron_rtl.execute import ExecuteUnit
from hadron_spec.commands import Opcode
from hadron_testing.execute_operators import SOURCE, SOURCE_B, in_all_columns
from hadron_testing.execute_reference import Kept, run_command

__all__ = ["Bench", "simulate"]

TRAFFIC = 0x7000
"""Scratchpad region that no command here touches."""


class Bench:
    """The unit, a copy of its scratchpad, and traffic on the LOAD and STORE side."""

    def __init__(self, config, rng):
        self.config = config
        self.rng = rng
        self.dut = ExecuteUnit(config)
        self.image = bytearray(config.act_bytes)
        self.kept = Kept()
        self.fill_bytes = 320
        self.beats = []
        self.expected_beats = []
        self.traffic_wanted = False
        self.traffic_runs = False
        self.mac_active = 0
        self.ticks = 0
        self.finished = 0

    async def send(self, ctx, port, payload):
        ctx.set(port.payload, payload)
        ctx.set(port.valid, 1)
        await ctx.tick().until(port.ready)
        ctx.set(port.valid, 0)

    async def load(self, ctx, port, address, contents, *, tables=0):
        """Write bytes, beat by beat, through one of the LOAD ports."""
        beat = self.config.axi_bytes
        assert address % beat == 0
        assert len(contents) % beat == 0
        for i in range(0, len(contents), beat):
            await self.send(ctx, port, {
                "address": address + i, "data": int.from_bytes(contents[i : i + beat], "little"),
                "strobe": (1 << beat) - 1, "tables": tables})

    async def fill(self, ctx):
        """Fill the operand regions with random bytes."""
        for region, count in ((SOURCE, self.fill_bytes), (SOURCE_B, 96)):
            base = region & ~15
            contents = self.rng.integers(0, 256, count, dtype=np.uint8).tobytes()
            await self.load(ctx, self.dut.write_activations, base, contents)
            self.image[base : base + len(contents)] = contents

    async def clear(self, ctx, writes):
        """Write what the copy says to all beats that `writes` touch."""
        beat = self.config.axi_bytes
        touched = {(address + j) % self.config.act_bytes // beat * beat
                   for address, contents in writes
                   for j in range(-2 * beat, len(contents) + 3 * beat)}
        for address in sorted(touched):
            await self.load(ctx, self.dut.write_activations, address,
                            self.image[address : address + beat])

    async def start(self, ctx, fields):
        """Hand over a command."""
        port = self.dut.command
        ctx.set(port.payload, {k: v for k, v in fields.items() if k != "checksum"})
        ctx.set(port.valid, 1)
        await ctx.tick().until(port.ready)
        ctx.set(port.valid, 0)

    async def execute(self, ctx, fields):
        """Run a command; return the cycles from its transfer to `done`."""
        await self.start(ctx, fields)
        cycles = 1
        while not ctx.get(self.dut.done):
            self.mac_active += ctx.get(self.dut.mac_active)
            await ctx.tick()
            cycles += 1
            assert cycles < 20000, "the command does not end"
        return cycles

    async def collect(self, ctx):
        """Gather what STORE reads."""
        port = self.dut.read_data
        async for _, _, valid, data in ctx.tick().sample(port.valid, port.data):
            if valid:
                self.beats.append(data)

    async def request(self, ctx, address):
        """Ask for a beat as STORE does."""
        await self.send(ctx, self.dut.read_request, address)
        beat = self.image[address : address + self.config.axi_bytes]
        self.expected_beats.append((address, int.from_bytes(beat, "little")))

    async def compare(self, ctx):
        """Compare the beats read so far with what the scratchpad should hold."""
        while len(self.beats) < len(self.expected_beats):
            await ctx.tick()
        for got, (address, want) in zip(self.beats, self.expected_beats, strict=True):
            assert got == want, f"at {address:#x}: {got:x}, must be {want:x}"
        self.beats.clear()
        self.expected_beats.clear()

    async def traffic(self, ctx):
        """Write and read elsewhere, at random, while it is wanted."""
        beat = self.config.axi_bytes
        while True:
            self.traffic_runs = self.traffic_wanted
            if self.traffic_runs:
                address = TRAFFIC + int(self.rng.integers(0, 64)) * beat
                if self.rng.random() < 0.5:
                    data = self.rng.integers(0, 256, beat, dtype=np.uint8).tobytes()
                    await self.load(ctx, self.dut.write_activations, address, data)
                    self.image[address : address + beat] = data
                else:
                    await self.request(ctx, address)
            for _ in range(int(self.rng.integers(1, 4))):
                await ctx.tick()

    async def check_overlapped(self, ctx, commands, *, pause=0, traffic=False):
        """Hand commands over as fast as they are taken, or up to `pause` cycles later, and compare
        what they have written in the end; their weights lie one after the other, their table is
        one.

        Returns the cycles from the first one's transfer to the last one's `done`.
        """
        config = self.config
        memory, runs = bytearray(), []
        for fields, weights, table in commands:
            if fields["opcode"] == Opcode.LOOKUP:
                weights = in_all_columns(config, weights)
            steps = len(memory) // config.step_bytes
            runs.append((fields | {"weight_step": fields["weight_step"] + steps}, table))
            memory += weights
            if table:
                words = b"".join(word.to_bytes(4, "little") for word in table)
                await self.load(ctx, self.dut.write_table, 0, words)
        assert len(memory) <= config.weight_bytes
        await self.load(ctx, self.dut.write_weights, 0, bytes(memory))
        self.traffic_wanted = traffic
        self.finished = 0
        cycles = -self.ticks
        for number, (fields, _) in enumerate(runs):
            if number:
                for _ in range(int(self.rng.integers(pause + 1))):
                    await ctx.tick()
            await self.start(ctx, fields)
            if not number:
                cycles = -self.ticks
        while self.finished < len(runs):
            await ctx.tick()
        cycles += self.ticks
        self.traffic_wanted = False
        while self.traffic_runs:
            await ctx.tick()
        touched = set()
        for fields, table in runs:
            for address, contents in run_command(config, fields, self.image, bytes(memory), table):
                for j, byte in enumerate(contents):
                    self.image[(address + j) % config.act_bytes] = byte
                    touched.add((address + j) % config.act_bytes // config.axi_bytes)
        for beat in sorted(touched):
            await self.request(ctx, beat * config.axi_bytes)
        await self.compare(ctx)
        return cycles

    async def watch(self, ctx):
        """Count cycles and finished commands."""
        async for _, _, done in ctx.tick().sample(self.dut.done):
            self.ticks += 1
            self.finished += done

    async def check(self, ctx, fields, weights, table, *, traffic=False):
        """Load the operands, run the command, compare every byte around the destination.

        Returns the cycles the command took and how many values the outputs have.
        """
        is_lookup = fields["opcode"] == Opcode.LOOKUP
        await self.load(ctx, self.dut.write_weights, 0, weights, tables=int(is_lookup))
        if is_lookup:
            weights = in_all_columns(self.config, weights)
        if table:
            words = b"".join(word.to_bytes(4, "little") for word in table)
            await self.load(ctx, self.dut.write_table, 0, words)
        writes = run_command(self.config, fields, self.image, weights, table, self.kept)
        self.traffic_wanted = traffic
        cycles = await self.execute(ctx, fields)
        self.traffic_wanted = False
        while self.traffic_runs:
            await ctx.tick()
        for address, contents in writes:
            for j, byte in enumerate(contents):
                self.image[(address + j) % self.config.act_bytes] = byte
        beat = self.config.axi_bytes
        first = min(address for address, _ in writes) // beat * beat - beat
        last = max(address for address, _ in writes) + self.config.columns + 2 * beat
        for address in range(first, last, beat):
            await self.request(ctx, address % self.config.act_bytes)
        await self.compare(ctx)
        return cycles, len({byte for _, contents in writes for byte in contents})


def simulate(bench, scenario, *background, unit=None):
    async def main(ctx):
        await bench.fill(ctx)
        await scenario(ctx)

    simulator = Simulator(unit or bench.dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench.collect, background=True)
    for testbench in (bench.watch, bench.traffic, *background):
        simulator.add_testbench(testbench, background=True)
    simulator.add_testbench(main)
    simulator.run()
