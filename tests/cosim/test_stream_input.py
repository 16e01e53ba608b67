"""Programs that take their input from the stream, on the RTL of the whole NPU."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_cosim.cxxrtl.streams import Stream, StreamStalls, tensor_beats
from hadron_cosim.memory_model import FAST, Stalls
from hadron_cosim.simulator import NpuSimulator
from hadron_model.executor import Executor
from hadron_spec.commands import iterate
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode
from hadron_testing.large_models import LARGE, Layers
from hadron_testing.programs import memory_image, streamed
from hadron_testing.random_models import random_network

SMALL = NpuConfig(name="small", lanes=16, columns=2, dsp_columns=2, act_bytes=32 << 10,
                  weight_steps=512, axi_data_width=64, row_pairs=True)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulator() -> NpuSimulator:
    return NpuSimulator(SMALL)


def _registers(program) -> tuple[int, int, int, int]:
    return program.command_offset, program.command_count, 0, program.region_bytes


def _golden(program, inputs) -> np.ndarray:
    memory = memory_image(program, inputs)
    base, count, region, size = _registers(program)
    assert Executor(SMALL).run(memory, command_base=base, command_count=count, memory_base=region,
                               memory_bytes=size, stream=streamed(program, inputs)).ok
    return memory


def test_networks_leave_the_models_bytes_under_random_stalls(simulator, rng):
    cases = [random_network(rng) for _ in range(3)]
    models = [(case.model, case.inputs) for case in cases]
    builder, outputs = LARGE["conv"](rng)  # does not fit: through memory
    models.append((builder.finish(outputs), [
        rng.integers(-128, 128, x.shape).astype(np.int8) for x in builder.inputs]))
    for model, inputs in models:
        program = compile_model(model, SMALL, stream_input=True)
        golden = _golden(program, inputs)
        seed = int(rng.integers(1 << 30))
        for options in ({}, {"stream_stalls": StreamStalls(seed=seed, tensor_in=0.3)},
                        {"stalls": Stalls.everywhere(seed, chance=0.2)}):
            memory = memory_image(program, inputs)
            result = simulator.run(memory, *_registers(program), 200 * program.cycles + 10_000,
                                   stream=streamed(program, inputs), **options)
            assert result.status == "done", result
            np.testing.assert_array_equal(memory, golden)
            if not options:
                assert abs(result.cycles - program.cycles) <= 0.05 * result.cycles + 40


@pytest.mark.parametrize("size", [(14, 24), (96, 120)])
def test_rows_with_gaps_from_memory_and_stream_under_random_stalls(simulator, rng, size):
    """The larger input does not fit: a chain takes it band by band and moves rows with gaps."""
    layers = Layers(rng, (1, *size, 3))
    x = layers.conv(layers.inputs[0], 4, (3, 3), stride=(2, 2), padding="SAME")
    model = layers.builder.finish([layers.conv(layers.depthwise(x, (3, 3)), 2, (1, 1),
                                               stride=(2, 2))])
    inputs = [rng.integers(-128, 128, (1, *size, 3)).astype(np.int8)]
    for stream_input in (False, True):
        program = compile_model(model, SMALL, stream_input=stream_input)
        commands = iterate(program.memory[:128 * program.command_count])
        assert any(command.get("split") for command in commands)
        golden = _golden(program, inputs)
        for options in ({}, {"stalls": Stalls.everywhere(int(rng.integers(1 << 30)), chance=0.2)}):
            memory = memory_image(program, inputs)
            result = simulator.run(memory, *_registers(program), 200 * program.cycles + 10_000,
                                   stream=streamed(program, inputs), **options)
            assert result.status == "done", result
            np.testing.assert_array_equal(memory, golden)


def test_frames_in_a_row_and_bad_ones_between(simulator, rng):
    """A program a frame; one that is short, long or broken ends in an error, the next is whole."""
    case = random_network(rng)
    program = compile_model(case.model, SMALL, stream_input=True)
    size = program.inputs[0].size
    beat = SMALL.axi_bytes
    memory = memory_image(program, case.inputs)
    simulator.configure(FAST, memory=memory)
    simulator.npu.configure_streams(StreamStalls(seed=int(rng.integers(1 << 30)), tensor_in=0.1))
    for kind in ["good", "short", "good", "long", "broken", "good", "good"]:
        frame = rng.integers(-128, 128, case.inputs[0].shape).astype(np.int8)
        data = frame.tobytes()
        if kind == "short":
            data = data[:beat * int(rng.integers(1, size // beat))]
        elif kind == "long":
            data += bytes(beat * int(rng.integers(1, 20)))
        simulator.npu.feed_tensor(tensor_beats(data, beat, broken=kind == "broken"))
        simulator.start(*_registers(program))
        result = simulator.finish(simulator.npu.state.register_write, 1_000_000)
        if kind == "good":
            assert result.status == "done"
            np.testing.assert_array_equal(memory, _golden(program, [frame]))
        else:
            assert (result.status, result.error_code) == (
                "error", ErrorCode[f"STREAM_{kind.upper()}"])
    simulator.npu.run(100, until_irq=False)
    assert simulator.npu.left(Stream.TENSOR_IN) == 0
    assert simulator.read_register("STREAM_DROPPED") == 1
