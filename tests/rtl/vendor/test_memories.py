"""Behavioural twins of the block RAMs."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.vendor.block_ram import BlockRam
from hadron_rtl.vendor.byte_ram import ByteRam
from hadron_rtl.vendor.two_port_ram import TwoPortRam
from hadron_rtl.vendor.wide_ram import WideRam


def simulate(dut, testbench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_byte_ram_reads_what_it_was_written(rng):
    dut = ByteRam(depth=2048)
    memory = [0] * dut.depth
    addresses = [int(a) for a in rng.integers(0, dut.depth, 12)]

    async def testbench(ctx):
        expected_a, expected_b = [], []
        for _ in range(300):
            a, b = (int(v) for v in rng.choice(addresses, 2))
            write, value = int(rng.integers(2)), int(rng.integers(256))
            ctx.set(dut.a_address, a)
            ctx.set(dut.b_address, b)
            ctx.set(dut.b_write, write)
            ctx.set(dut.b_write_data, value)
            # Undefined where the other port writes this byte, and on the port that writes.
            expected_a.append(None if write and a == b else memory[a])
            expected_b.append(None if write else memory[b])
            if write:
                memory[b] = value
            await ctx.tick()
            if len(expected_a) >= dut.LATENCY:
                at = len(expected_a) - dut.LATENCY
                assert expected_a[at] in (None, ctx.get(dut.a_data))
                assert expected_b[at] in (None, ctx.get(dut.b_data))

    simulate(dut, testbench)


@pytest.mark.parametrize("depth", [2, 512])
def test_block_ram_reads_what_it_was_written_byte_by_byte(depth, rng):
    dut = BlockRam(width=64, depth=depth)
    memory = [bytearray(8) for _ in range(depth)]
    addresses = [int(a) for a in rng.integers(0, depth, 12)]

    async def testbench(ctx):
        expected = []
        for _ in range(300):
            read, written = (int(v) for v in rng.choice(addresses, 2))
            strobe, enable = int(rng.integers(256)), int(rng.integers(4))
            data = rng.bytes(8)
            ctx.set(dut.read_address, read)
            ctx.set(dut.write_address, written)
            ctx.set(dut.write_strobe, strobe)
            ctx.set(dut.write_enable, enable)
            strobe &= (enable & 1) * 0x0F | (enable >> 1) * 0xF0
            ctx.set(dut.write_data, int.from_bytes(data, "little"))
            expected.append(None if read == written and strobe
                            else int.from_bytes(memory[read], "little"))
            for i in range(8):
                if strobe >> i & 1:
                    memory[written][i] = data[i]
            await ctx.tick()
            if len(expected) >= dut.LATENCY:
                assert expected[-dut.LATENCY] in (None, ctx.get(dut.read_data))

    simulate(dut, testbench)


@pytest.mark.parametrize(("width", "depth"), [(48, 1920), (13, 7)])
def test_wide_ram_reads_what_it_was_written(width, depth, rng):
    dut = WideRam(width=width, depth=depth)
    memory = [0] * depth
    addresses = [int(a) for a in rng.integers(0, depth, 12)]

    async def testbench(ctx):
        expected = []
        for _ in range(300):
            read, written = (int(v) for v in rng.choice(addresses, 2))
            write = int(rng.integers(2))
            value = int(rng.integers(1 << width))
            ctx.set(dut.read_address, read)
            ctx.set(dut.write_address, written)
            ctx.set(dut.write, write)
            ctx.set(dut.write_data, value)
            expected.append(None if read == written and write else memory[read])
            if write:
                memory[written] = value
            await ctx.tick()
            if len(expected) >= dut.LATENCY:
                assert expected[-dut.LATENCY] in (None, ctx.get(dut.read_data))

    simulate(dut, testbench)


def test_two_port_ram_reads_what_it_was_written(rng):
    dut = TwoPortRam(width=14, depth=700)
    memory = [0] * dut.depth
    addresses = [int(a) for a in rng.integers(0, dut.depth, 12)]

    async def testbench(ctx):
        expected_a, expected_b = [], []
        for _ in range(300):
            a, b = (int(v) for v in rng.choice(addresses, 2))
            write, value = int(rng.integers(2)), int(rng.integers(1 << 14))
            ctx.set(dut.a_address, a)
            ctx.set(dut.b_address, b)
            ctx.set(dut.b_write, write)
            ctx.set(dut.b_write_data, value)
            # Undefined where the other port writes this word, and on the port that writes.
            expected_a.append(None if write and a == b else memory[a])
            expected_b.append(None if write else memory[b])
            if write:
                memory[b] = value
            await ctx.tick()
            if len(expected_a) >= dut.LATENCY:
                assert expected_a[-dut.LATENCY] in (None, ctx.get(dut.a_data))
                assert expected_b[-dut.LATENCY] in (None, ctx.get(dut.b_data))

    simulate(dut, testbench)


def test_two_port_ram_refuses_other_sizes():
    with pytest.raises(ValueError, match=r"^width=19, must be 1 to 18$"):
        TwoPortRam(width=19, depth=512)
    with pytest.raises(ValueError, match=r"^depth=1025, must be 2 to 1024$"):
        TwoPortRam(width=8, depth=1025)


def test_wide_ram_refuses_other_sizes():
    with pytest.raises(ValueError, match=r"^width=0, must be at least 1$"):
        WideRam(width=0, depth=512)
    with pytest.raises(ValueError, match=r"^depth=1, must be at least 2$"):
        WideRam(width=8, depth=1)


@pytest.mark.parametrize("depth", [0, 1, 3000])
def test_byte_ram_refuses_other_depths(depth):
    with pytest.raises(ValueError, match=f"^depth={depth}, must be a power of two, at least 2$"):
        ByteRam(depth=depth)


def test_block_ram_refuses_other_sizes():
    with pytest.raises(ValueError, match=r"^width=48, must be a positive multiple of 32$"):
        BlockRam(width=48, depth=512)
    with pytest.raises(ValueError, match=r"^depth=48, must be a power of two, at least 2$"):
        BlockRam(width=32, depth=48)
