"""CommandDecoder and CommandQueue: on every bus width, what comes out is what was encoded."""

import dataclasses

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from hadron_model.program import CommandFailureError, decode_command
from hadron_rtl.control.decoder import CommandDecoder
from hadron_rtl.control.layouts import ExecuteCommand, TransferCommand
from hadron_rtl.control.queue import CommandQueue
from hadron_spec.commands import (
    COMMAND_BYTES,
    FIELDS,
    LEVELS,
    STRIP_PIXELS,
    TALL_COLUMNS,
    TALL_ROWS,
    WINDOW_COLUMNS,
    WINDOW_ROWS,
    LocalSpace,
    Opcode,
    Unit,
    encode,
    unit_of,
)
from hadron_spec.config import CONFIGS
from hadron_spec.errors import ErrorCode

WIDTHS = [32, 64, 128]
DEPTH = 2


def _config(width: int, *, deep: bool = True, row_pairs: bool = True, shallow: bool = True,
            softmax_elements: int = 2048):
    return dataclasses.replace(CONFIGS["h256"], axi_data_width=width, deep=deep,
                               row_pairs=row_pairs, shallow=shallow,
                               softmax_elements=softmax_elements)


def _random_command(rng, config) -> tuple[Opcode, dict[str, int]]:
    opcode = Opcode(int(rng.choice([o for o in Opcode if o != Opcode.END])))
    values = {
        name: int(rng.integers(field.minimum, field.maximum + 1))
        for name, field in FIELDS[opcode].items() if name not in ("opcode", "checksum")
    }
    limits = {"outputs": config.columns, "last_outputs": config.columns, "height": 32767,
              "width_bytes": 32767, "weight_step": config.weight_steps - 1,
              "space": len(config.spaces) - 1}
    at_least_one = {"outputs", "row_bytes", "rows",
                    *(f"count_{level}" for level in LEVELS)}
    for name in values:
        if name in limits:
            values[name] = int(rng.integers(name in at_least_one, limits[name] + 1))
        elif name in at_least_one:
            values[name] = max(values[name], 1)
    if opcode == Opcode.STORE:
        values["stream"] = 0
    if unit_of(opcode) == Unit.EXECUTE:
        values["shallow"] &= int(config.shallow and opcode == Opcode.MATRIX)
        deep = config.deep and not values["shallow"]
        values["deep"] &= int(deep and opcode == Opcode.MATRIX)
        values["deep_results"] &= int(deep and opcode in (Opcode.MATRIX, Opcode.LOOKUP))
        values["once"] &= int(config.deep or config.shallow)
        values["split"] *= int(config.row_pairs)
        values["continues"] = 0
        values["uniform"] &= int(opcode == Opcode.MATRIX)
    if opcode == Opcode.LOOKUP:
        values["count_kg"] = 1
    if opcode == Opcode.SOFTMAX:
        values["count_ox"] = int(rng.integers(1, config.softmax_row + 1))
    if opcode == Opcode.DEPTHWISE:
        values |= {"count_ox": max(values["count_ox"], WINDOW_ROWS), "count_ky": 1, "count_seg": 1,
                   "count_kx": int(rng.integers(WINDOW_COLUMNS, STRIP_PIXELS + 1))}
        half = config.columns // 2
        values["tall"] &= int(values["count_ox"] >= TALL_ROWS and values["count_kx"] >= TALL_COLUMNS
                              and max(values["outputs"], values["last_outputs"]) <= half)
    elif unit_of(opcode) == Unit.EXECUTE:
        values["tall"] = 0
    return opcode, values


class _Bench:
    """A decoder with its three queues."""

    def __init__(self, width: int, *, deep: bool = True, row_pairs: bool = True,
                 shallow: bool = True, softmax_elements: int = 2048):
        self.config = _config(width, deep=deep, row_pairs=row_pairs, shallow=shallow,
                              softmax_elements=softmax_elements)
        self.decoder = CommandDecoder(self.config)
        self.queues = {
            unit: CommandQueue(
                layout=ExecuteCommand if unit == Unit.EXECUTE else TransferCommand,
                words=27 if unit == Unit.EXECUTE else 8, depth=DEPTH, axi_data_width=width)
            for unit in Unit
        }
        self.m = Module()
        self.m.submodules.decoder = self.decoder
        for unit, queue in self.queues.items():
            self.m.submodules[unit.name] = queue
            self.m.d.comb += [
                queue.write.eq(self.decoder.queues[unit]),
                self.decoder.full[unit].eq(queue.full),
            ]

    async def feed(self, ctx, data: bytes, rng=None, error_at: int | None = None) -> None:
        """Offer beats until all are taken or the decoder stops."""
        dut, size = self.decoder, self.config.axi_bytes
        ctx.set(dut.enable, 1)
        for at in range(0, len(data), size):
            while rng is not None and rng.random() < 0.3:
                await ctx.tick()
            ctx.set(dut.i.payload.data, int.from_bytes(data[at : at + size], "little"))
            ctx.set(dut.i.payload.error, at == error_at)
            ctx.set(dut.i.valid, 1)
            while True:
                *_, ready, stopped = await ctx.tick().sample(dut.i.ready, dut.failure.valid)
                if stopped:
                    return
                if ready:
                    break
            ctx.set(dut.i.valid, 0)

    def run(self, *testbenches, background=()) -> None:
        simulator = Simulator(self.m)
        simulator.add_clock(1e-8)
        for testbench in testbenches:
            simulator.add_testbench(testbench)
        for testbench in background:
            simulator.add_testbench(testbench, background=True)
        simulator.run()


@pytest.mark.parametrize("width", WIDTHS)
def test_fields_and_index_come_out_as_encoded(width, rng):
    bench = _Bench(width)
    commands = [_random_command(rng, bench.config) for _ in range(12)]
    program = b"".join(encode(opcode, **values) for opcode, values in commands)
    program += encode(Opcode.END)

    async def feed(ctx):
        ctx.set(bench.decoder.command_count, len(commands) + 1)
        await bench.feed(ctx, program, rng)
        while not ctx.get(bench.decoder.finished):
            assert not ctx.get(bench.decoder.failure.valid)
            await ctx.tick()
        assert ctx.get(bench.decoder.index) == len(commands)

    def drain(unit):
        async def run(ctx):
            queue = bench.queues[unit]
            for index, (opcode, values) in enumerate(commands):
                if unit_of(opcode) != unit:
                    continue
                for _ in range(int(rng.integers(120))):
                    await ctx.tick()
                ctx.set(queue.o.ready, 1)
                out, = await ctx.tick().sample(queue.o.payload).until(queue.o.valid)
                ctx.set(queue.o.ready, 0)
                assert out.index == index
                found = {name: getattr(out.command, name) for name in values}
                assert found == values
                assert out.command.opcode == opcode
        return run

    bench.run(feed, *(drain(unit) for unit in Unit))


@pytest.mark.parametrize("width", WIDTHS)
def test_each_damaged_word_breaks_the_checksum(width, rng):
    for word in {0, 1, 2, 31, *map(int, rng.choice(32, 6))}:
        bench = _Bench(width)
        command = bytearray(_encoded(rng, bench.config))
        bit = 32 * word + int(rng.integers(32))
        command[bit // 8] ^= 1 << bit % 8
        assert _failure_of(bench, bytes(command)) == (ErrorCode.CHECKSUM, 0)


def _encoded(rng, config) -> bytes:
    opcode, values = _random_command(rng, config)
    return encode(opcode, **values)


def _failure_of(bench: _Bench, data: bytes, error_at: int | None = None,
                count: int = 100) -> tuple[ErrorCode, int]:
    """Feed commands; return the failure and the command it names."""
    found = []

    async def run(ctx):
        dut = bench.decoder
        ctx.set(dut.command_count, count)
        await bench.feed(ctx, data, error_at=error_at)
        for _ in range(10):
            await ctx.tick()
        assert ctx.get(dut.failure.valid)
        found.append((ErrorCode(ctx.get(dut.failure.code)), ctx.get(dut.index)))
        # Nothing of the bad command has reached a queue.
        index = ctx.get(dut.index)
        for queue in bench.queues.values():
            assert not ctx.get(queue.o.valid) or ctx.get(queue.o.payload.index) < index

    bench.run(run)
    return found[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_bus_error_in_any_beat_comes_first(width, rng):
    bench = _Bench(width)
    good = _encoded(rng, bench.config)
    bad = bytearray(_encoded(rng, bench.config))
    bad[40] ^= 1
    at = COMMAND_BYTES + int(rng.integers(COMMAND_BYTES // bench.config.axi_bytes)) * (width // 8)
    assert _failure_of(bench, good + bytes(bad), at) == (ErrorCode.BUS_READ, 1)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("opcode", "name", "value"), [
    (Opcode.LOAD, "rows", 0), (Opcode.LOAD, "space", 6), (Opcode.STORE, "row_bytes", 0),
    (Opcode.STORE, "stream", 1), (Opcode.LOOKUP, "shallow", 1),
    (Opcode.LOOKUP, "count_kg", 2), (Opcode.LOOKUP, "deep", 1), (Opcode.MAX, "deep_results", 1),
    (Opcode.DEPTHWISE, "count_ox", 2), (Opcode.DEPTHWISE, "count_kx", 4),
    (Opcode.DEPTHWISE, "count_kx", 17), (Opcode.DEPTHWISE, "count_ky", 2),
    (Opcode.DEPTHWISE, "count_seg", 2), (Opcode.MATRIX, "tall", 1), (Opcode.MAX, "tall", 1),
    *((Opcode.MATRIX, f"count_{level}", 0) for level in LEVELS),
    (Opcode.LOOKUP, "outputs", 17), (Opcode.MAX, "last_outputs", 17),
    (Opcode.MAX, "outputs", 0), (Opcode.MATRIX, "outputs", 0), (Opcode.LOOKUP, "continues", 1),
    (Opcode.DEPTHWISE, "continues", 1), (Opcode.LOOKUP, "uniform", 1),
    (Opcode.DEPTHWISE, "uniform", 1),
    (Opcode.SOFTMAX, "count_oy", 0), (Opcode.MATRIX, "height", 32768),
    (Opcode.MATRIX, "width_bytes", 65535), (Opcode.MATRIX, "weight_step", 512),
])
def test_field_out_of_range_is_refused(width, opcode, name, value, rng):
    bench = _Bench(width)
    while True:
        drawn, values = _random_command(rng, bench.config)
        if drawn == opcode:
            break
    command = encode(opcode, **(values | {name: value}))
    assert _failure_of(bench, _encoded(rng, bench.config) + command) == (ErrorCode.FIELD, 1)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shallow", [False, True])
def test_a_sum_goes_on_behind_a_matrix_of_the_same_program(width, shallow, rng):
    """Whatever goes to other units in between; RTL and golden model refuse the same."""
    bench = _Bench(width, shallow=shallow)
    fields = {f"count_{level}": 1 for level in LEVELS} | {"outputs": 1}
    matrix = {"plain": encode(Opcode.MATRIX, **fields),
              "continues": encode(Opcode.MATRIX, continues=1, **fields)}
    others = {"load": encode(Opcode.LOAD, rows=1, row_bytes=1),
              "max": encode(Opcode.MAX, **fields), "lookup": encode(Opcode.LOOKUP, **fields)}
    if shallow:
        matrix |= {"shallow": encode(Opcode.MATRIX, shallow=1, **fields),
                   "both": encode(Opcode.MATRIX, shallow=1, continues=1, **fields)}
    commands = matrix | others
    names = [*matrix, *matrix, *others]
    simulated = 0
    while simulated < 4:
        drawn = [str(name) for name in rng.choice(names, 5)]
        before, failing = None, None
        for index, name in enumerate(drawn):
            try:
                command = decode_command(bench.config, index, commands[name], before)
            except CommandFailureError:
                failing = index
                break
            if command.unit == Unit.EXECUTE:
                before = command
        bad = next((i for i, name in enumerate(drawn) if name in ("continues", "both")
                    and (name == "both" or next(
                        (other for other in reversed(drawn[:i]) if other != "load"), "")
                        not in ("plain", "continues"))), None)
        assert failing == bad
        # Two commands fill a queue, which nobody empties here.
        loads = drawn[:bad].count("load")
        if bad is not None and max(loads, bad - loads) <= DEPTH:
            bench = _Bench(width, shallow=shallow)
            program = b"".join(commands[name] for name in drawn)
            assert _failure_of(bench, program) == (ErrorCode.FIELD, bad)
            simulated += 1


@pytest.mark.parametrize(("deep", "shallow", "names"), [
    (False, False, ["deep"]), (False, False, ["deep_results"]), (False, False, ["once"]),
    (False, False, ["shallow", "once"]), (True, False, ["shallow"]), (False, True, ["deep"]),
    (False, True, ["deep_results"]), (True, True, ["shallow", "deep"]),
    (True, True, ["shallow", "deep_results"])])
def test_an_instance_refuses_precisions_that_it_does_not_have(deep, shallow, names):
    bench = _Bench(64, deep=deep, shallow=shallow)
    fields = {f"count_{level}": 1 for level in LEVELS} | dict.fromkeys(names, 1)
    command = encode(Opcode.MATRIX, outputs=1, last_outputs=1, **fields)
    assert _failure_of(bench, command) == (ErrorCode.FIELD, 0)
    with pytest.raises(CommandFailureError):
        decode_command(bench.config, 0, command)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("name", "value"), [
    ("count_ox", 4), ("count_kx", 5), ("outputs", 9), ("last_outputs", 9), (None, 0)])
def test_tall_windows_are_refused_where_they_do_not_fit(width, name, value):
    """Five rows, six pixels, and the channels of eight pairs of columns."""
    bench = _Bench(width)
    fields = {f"count_{level}": 1 for level in LEVELS} | {
        "count_ox": 5, "count_kx": 6, "outputs": 8, "last_outputs": 8, "tall": 1}
    good = encode(Opcode.DEPTHWISE, **fields)
    decode_command(bench.config, 0, good)
    # What one command says of the fields is forgotten with the next.
    flat = encode(Opcode.DEPTHWISE, **(fields | {"outputs": 16, "tall": 0}))
    bad = encode(Opcode.DEPTHWISE, **(fields | ({name: value} if name else {"count_kx": 17})))
    assert _failure_of(bench, flat + good + bad) == (ErrorCode.FIELD, 2)
    with pytest.raises(CommandFailureError, match=r"^FIELD: "):
        decode_command(bench.config, 0, bad)


def test_an_instance_without_nibbles_for_two_activations_refuses_them():
    bench = _Bench(64, shallow=False)
    command = encode(Opcode.LOAD, rows=1, row_bytes=1, space=LocalSpace.SHALLOW_NIBBLES)
    assert _failure_of(bench, command) == (ErrorCode.FIELD, 0)


def test_an_instance_without_row_pairs_refuses_split():
    command = encode(Opcode.MATRIX, **{f"count_{level}": 1 for level in LEVELS}, outputs=1,
                     last_outputs=1, split=1)
    bench = _Bench(64, row_pairs=False)
    assert _failure_of(bench, command) == (ErrorCode.FIELD, 0)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("elements", [2048, 4096])
def test_rows_of_softmax_are_refused_that_the_unit_does_not_hold(width, elements):
    bench = _Bench(width, softmax_elements=elements)
    fields = {f"count_{level}": 1 for level in LEVELS} | {"outputs": 1}

    def row(opcode: Opcode, size: int) -> bytes:
        return encode(opcode, **(fields | {"count_ox": size}))

    good = row(Opcode.SOFTMAX, elements - 1) + row(Opcode.MAX, 65535)
    for size in (elements, elements + 1, 65535):
        bad = row(Opcode.SOFTMAX, size)
        assert _failure_of(_Bench(width, softmax_elements=elements), good + bad) == (
            ErrorCode.FIELD, 2)
        with pytest.raises(CommandFailureError, match=f"^FIELD: SOFTMAX: count_ox={size}, must be "
                                                      f"1 to {elements - 1}$"):
            decode_command(bench.config, 0, bad)
    decode_command(bench.config, 0, row(Opcode.SOFTMAX, elements - 1))


def test_store_ignores_space(rng):
    bench = _Bench(64)
    command = encode(Opcode.STORE, rows=1, row_bytes=1, space=3)
    assert _failure_of(bench, command, count=1) == (ErrorCode.END_OF_STREAM, 1)


@pytest.mark.parametrize("width", WIDTHS)
def test_full_queue_blocks_until_there_is_room(width):
    bench = _Bench(width)
    command = encode(Opcode.LOAD, rows=1, row_bytes=1)
    # DEPTH in the queue and one laid out.
    count = DEPTH + 2

    async def feed(ctx):
        await bench.feed(ctx, command * count)

    async def run(ctx):
        dut = bench.decoder
        ctx.set(dut.command_count, 100)
        await ctx.tick().until(dut.blocked)
        for _ in range(50):
            await ctx.tick()
            assert ctx.get(dut.blocked)
        assert ctx.get(dut.index) == DEPTH + 1
        queue = bench.queues[Unit.LOAD]
        ctx.set(queue.o.ready, 1)
        for index in range(count):
            out, = await ctx.tick().sample(queue.o.payload.index).until(queue.o.valid)
            assert out == index

    bench.run(feed, run)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"words": 1}, "words=1, must be 2 to 32"),
    ({"depth": 3}, "depth=3, must be a power of two"),
])
def test_queue_constructor_refuses(arguments, message):
    valid = {"layout": TransferCommand, "words": 8, "depth": 4, "axi_data_width": 64}
    with pytest.raises(ValueError, match=f"^{message}$"):
        CommandQueue(**(valid | arguments))
