"""The fast lane itself, on a small design with the NPU's ports: timing, stalls, errors, checks."""

import itertools

import numpy as np
import pytest

from hadron_cosim.cxxrtl import build
from hadron_cosim.memory_model import FAST, SDRAM, BusErrors, MemoryModel, Stalls
from hadron_cosim.simulator import NpuSimulator, ProtocolError, SimulationResult
from hadron_cosim.yosys import run_yosys
from hadron_spec.commands import Unit
from hadron_spec.config import CONFIGS
from hadron_testing.axi_copier import BUGS, to_rtlil

SOURCE, TARGET, SIZE = 0, 1 << 15, 1 << 16
BLOCK = 128


@pytest.fixture(scope="module", params=[32, 64, 128])
def copier(request) -> NpuSimulator:
    return NpuSimulator(CONFIGS["h64"], rtlil=to_rtlil(axi_data_width=request.param))


@pytest.fixture(scope="module")
def copier64() -> NpuSimulator:
    return NpuSimulator(CONFIGS["h64"], rtlil=to_rtlil(axi_data_width=64))


def _copy(simulator: NpuSimulator, rng: np.random.Generator, blocks: int = 40, **options
          ) -> tuple[SimulationResult, np.ndarray, np.ndarray]:
    memory = rng.integers(0, 256, SIZE, dtype=np.uint8)
    expected = memory.copy()
    expected[TARGET : TARGET + blocks * BLOCK] = memory[SOURCE : SOURCE + blocks * BLOCK] + 1
    result = simulator.run(memory, SOURCE, blocks, TARGET, SIZE - TARGET, 200_000, **options)
    return result, memory, expected


@pytest.mark.parametrize("model", ["fast", "sdram"])
def test_copies_on_every_width_under_every_stall(copier, rng, model):
    beats = 40 * BLOCK // copier.npu.bus_bytes
    cycles = []
    for stalls in (None, Stalls.everywhere(1), Stalls.everywhere(2, chance=0.4, longest=3)):
        result, memory, expected = _copy(copier, rng, memory_model=model, stalls=stalls)
        assert result.status == "done"
        np.testing.assert_array_equal(memory, expected)
        assert result.counters["READ_BEATS"] == result.counters["WRITE_BEATS"] == beats
        assert (copier.npu.state.read_beats, copier.npu.state.write_beats) == (beats, beats)
        cycles.append(result.cycles)
    if model == "fast":  # on the SDRAM, another order of bursts may open fewer rows
        assert cycles[0] < min(cycles[1:])


def test_same_seed_same_cycles(copier64, rng):
    first, second, other = (_copy(copier64, rng, stalls=Stalls.everywhere(seed))[0].cycles
                            for seed in (5, 5, 6))
    assert first == second != other


@pytest.mark.parametrize("channel", ["ar", "r", "aw", "w", "b"])
def test_stalls_on_one_channel_take_time(copier64, rng, channel):
    free = _copy(copier64, rng)[0].cycles
    stalls = Stalls(seed=1, longest=200, **{channel: 0.2})
    result, memory, expected = _copy(copier64, rng, stalls=stalls)
    np.testing.assert_array_equal(memory, expected)
    assert result.cycles > free


def test_latency_is_paid_once_when_bursts_overlap(copier64, rng):
    cycles = {latency: _copy(copier64, rng, memory_model=MemoryModel(name="l", latency=latency))[0]
              .cycles for latency in (4, 20)}
    # 80 bursts: one latency to the first beat and one to the last response, not one a burst.
    assert cycles[20] - cycles[4] == 2 * 16


def test_sdram_moves_two_bytes_a_cycle_at_best(copier64, rng):
    moved = 2 * 100 * BLOCK
    result, memory, expected = _copy(copier64, rng, blocks=100, memory_model="sdram")
    np.testing.assert_array_equal(memory, expected)
    assert moved / 2 < result.cycles < 1.3 * moved / 2
    ideal = MemoryModel(name="ideal", sdram=True, row_activate=0, row_precharge=0,
                        refresh_interval=0)
    assert result.cycles > _copy(copier64, rng, blocks=100, memory_model=ideal)[0].cycles


@pytest.mark.parametrize("errors", [BusErrors(read=SOURCE + 300), BusErrors(write=TARGET + 300)])
@pytest.mark.parametrize("model", [FAST, SDRAM])
def test_bus_errors_reach_the_npu(copier64, rng, errors, model):
    result, memory, expected = _copy(copier64, rng, errors=errors, memory_model=model)
    assert result.status == "error"
    if errors.write is not None:
        beat = errors.write // 8 * 8
        assert (memory[beat : beat + 8] != expected[beat : beat + 8]).any()
        expected[beat : beat + 8] = memory[beat : beat + 8]
    np.testing.assert_array_equal(memory, expected)


def test_accesses_outside_the_memory_are_decode_errors(copier64, rng):
    memory = rng.integers(0, 256, 1024, dtype=np.uint8)
    result = copier64.run(memory, 0, 16, 512, 512, 10_000)
    assert result.status == "error"
    assert copier64.npu.state.decode_errors == (1024 + 1536) // 8


def test_trace_names_unit_layer_and_cycles(copier64, rng):
    result, _, _ = _copy(copier64, rng)
    assert {event.unit for event in result.trace} == {Unit.LOAD, Unit.STORE}
    loads = [event for event in result.trace if event.unit == Unit.LOAD]
    assert [event.layer for event in loads] == [3]
    assert loads[0].start == 1
    stores = [event for event in result.trace if event.unit == Unit.STORE]
    assert [event.layer for event in stores] == list(range(stores[-1].layer + 1))
    for before, after in itertools.pairwise(stores):
        assert before.end == after.start
    assert stores[-1].end <= result.cycles


def test_gives_up_after_max_cycles(copier64, rng):
    memory = np.zeros(SIZE, np.uint8)
    result = copier64.run(memory, SOURCE, 40, TARGET, SIZE - TARGET, 50)
    assert result.status == "timeout"


def test_reports_progress(copier64):
    reported: list[int] = []
    memory = np.zeros(SIZE, np.uint8)
    copier64.run(memory, SOURCE, 40, TARGET, SIZE - TARGET, 10_000, on_progress=reported.append)
    assert reported
    assert reported == sorted(reported)


_MESSAGES = {
    "wlast": "WLAST is 1 on beat 7 of 8",
    "unstable": "W payload changed while it waited",
    "drop_valid": "ARVALID fell before ARREADY",
    "early_irq": r"interrupt with \d+ reads and [1-9]\d* writes outstanding",
    "size": "ARSIZE is 2, not the width of the bus",
}


@pytest.mark.parametrize("bug", BUGS)
def test_notices_broken_rules(copier64, bug, rng):
    with pytest.raises(ProtocolError, match=_MESSAGES[bug]):
        _copy(copier64, rng, stalls=Stalls.everywhere(1), watchdog=BUGS[bug])


def test_notices_bursts_across_4_kb(copier64):
    memory = np.zeros(SIZE, np.uint8)
    with pytest.raises(ProtocolError, match="AR burst of 8 beats at 0xfe0 crosses a 4 KB boundary"):
        copier64.run(memory, 4096 - 32, 1, TARGET, SIZE - TARGET, 10_000)
    with pytest.raises(ProtocolError, match="AW burst of 8 beats at 0x8fe0 crosses"):
        copier64.run(memory, SOURCE, 1, TARGET + 4096 - 32, SIZE - TARGET, 10_000)


def test_logic_that_feeds_back_is_settled_first(copier64, rng, tmp_path, monkeypatch):
    """The slower way of designs in which Yosys finds feedback gives the same result."""
    def run_yosys_that_finds_feedback(script, folder):
        run_yosys(script, folder)
        with (folder / "cxxrtl.log").open("a") as log:
            log.write("Module `dut' contains feedback arcs through wires:\n")

    monkeypatch.setenv("HADRON_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(build, "run_yosys", run_yosys_that_finds_feedback)
    slow = NpuSimulator(CONFIGS["h64"], rtlil=to_rtlil(axi_data_width=64))
    results = []
    for simulator in (slow, copier64):
        result, memory, expected = _copy(simulator, rng, stalls=Stalls.everywhere(3))
        np.testing.assert_array_equal(memory, expected)
        results.append(result)
    assert results[0] == results[1]


def test_refuses_memory_it_cannot_share(copier64):
    for memory in (np.zeros(64, np.int8), np.zeros((8, 8), np.uint8), np.zeros(64, np.uint8)[::2]):
        with pytest.raises(ValueError, match="writeable contiguous array of uint8"):
            copier64.npu.attach(memory)


def test_refuses_an_unknown_lane_and_model(copier64):
    with pytest.raises(ValueError, match=r"lane 'icarus', must be 'cxxrtl'"):
        NpuSimulator(CONFIGS["h64"], lane="icarus")
    with pytest.raises(ValueError, match=r"memory model 'ddr', must be one of fast, sdram"):
        copier64.configure("ddr")


@pytest.mark.parametrize(("options", "message"), [
    ({"ar": 1.5}, r"stalls: ar=1.5, must be 0 to 1"),
    ({"longest": 0}, r"stalls: longest=0, must be 1 or more"),
])
def test_refuses_impossible_stalls(options, message):
    with pytest.raises(ValueError, match=message):
        Stalls(seed=1, **options)
