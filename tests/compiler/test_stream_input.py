"""Programs whose input comes from the stream: the same bytes out, in fewer transfers."""

import numpy as np
import pytest

from hadron_compiler import UnsupportedError, compile_model
from hadron_spec.commands import Opcode, iterate
from hadron_spec.config import CONFIGS
from hadron_testing.large_models import LARGE, SMALL_CONFIGS, Layers
from hadron_testing.programs import run_program
from hadron_testing.random_graphs import random_graph
from hadron_testing.random_models import random_network

ALL_CONFIGS = CONFIGS | SMALL_CONFIGS


def _check(model: object, inputs: list[np.ndarray], config: str) -> None:
    stored = compile_model(model, ALL_CONFIGS[config])
    program = compile_model(model, ALL_CONFIGS[config], stream_input=True)
    assert program.inputs[0].stream
    expected, _ = run_program(stored, inputs, check_hazards=False)
    got, result = run_program(program, inputs)
    assert result.ok, (result.error.name, result.detail, [str(h) for h in result.hazards[:3]])
    assert result.unused_tokens == 0
    for array, wanted in zip(got, expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


def _transfers(program: object, opcode: Opcode) -> list[dict[str, int]]:
    start = program.command_offset
    commands = program.memory[start:start + 128 * program.command_count]
    return [command for command in iterate(commands) if command["opcode"] == opcode]


@pytest.mark.parametrize("config", ["h64", "h256", "narrow"])
def test_networks_give_the_same_bytes(config: str, rng: np.random.Generator) -> None:
    for _ in range(3):
        case = random_network(rng)
        _check(case.model, case.inputs, config)


@pytest.mark.parametrize("config", ["h128", "tall"])
def test_graphs_of_all_operators_give_the_same_bytes(config: str,
                                                     rng: np.random.Generator) -> None:
    seen = 0
    while seen < 5:
        model, inputs, _, _ = random_graph(rng)
        if len(inputs) == 1:
            _check(model, inputs, config)
            seen += 1


@pytest.mark.parametrize("config", ["narrow", "h64"])
@pytest.mark.parametrize("name", ["conv", "wide_rows", "rows", "batch", "mobile_network"])
def test_inputs_that_do_not_fit_go_through_memory(name: str, config: str,
                                                  rng: np.random.Generator) -> None:
    builder, outputs = LARGE[name](rng)
    inputs = [rng.integers(-128, 128, x.shape).astype(np.int8) for x in builder.inputs]
    _check(builder.finish(outputs), inputs, config)


def test_the_input_has_no_place_in_memory_and_weights_come_first(rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 24, 24, 8))
    x = layers.conv(layers.inputs[0], 16, (3, 3))
    model = layers.builder.finish([layers.conv(x, 8, (3, 3))])
    program = compile_model(model, CONFIGS["h256"], stream_input=True)
    stored = compile_model(model, CONFIGS["h256"])
    assert stored.region_bytes - program.region_bytes >= 24 * 24 * 8
    loads = _transfers(program, Opcode.LOAD)
    streams = [load["stream"] for load in loads]
    # What needs no frame is loaded before the first frame comes.
    assert streams == sorted(streams)
    assert not streams[0]
    assert sum(load["row_bytes"] for load in loads if load["stream"]) == 24 * 24 * 8
    ends = [load["stream_end"] for load in loads if load["stream"]]
    assert ends == [0] * (sum(streams) - 1) + [1]


def test_a_chain_takes_its_rows_from_the_stream_band_by_band(rng: np.random.Generator) -> None:
    """What does not fit needs no place in memory either, if its rows are whole beats."""
    layers = Layers(rng, (1, 96, 128, 3))
    x = layers.depthwise(layers.conv(layers.inputs[0], 8, (3, 3), stride=(2, 2)), (3, 3))
    model = layers.builder.finish([layers.conv(x, 16, (1, 1), stride=(2, 2))])
    size = 96 * 128 * 3
    program = compile_model(model, CONFIGS["h64"], stream_input=True)
    assert size > CONFIGS["h64"].act_bytes
    assert compile_model(model, CONFIGS["h64"]).region_bytes - program.region_bytes >= size
    loads = [load for load in _transfers(program, Opcode.LOAD) if load["stream"]]
    assert len(loads) > 2
    assert sum(load["row_bytes"] for load in loads) == size
    _check(model, [rng.integers(-128, 128, (1, 96, 128, 3)).astype(np.int8)], "h64")


def test_bytes_that_no_layer_reads_are_taken_too(rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 40, 33, 5))
    model = layers.builder.finish(
        [layers.conv(layers.inputs[0], 8, (1, 1), stride=(7, 7), padding="VALID")])
    program = compile_model(model, CONFIGS["h64"], stream_input=True)
    loads = [load for load in _transfers(program, Opcode.LOAD) if load["stream"]]
    assert sum(load["row_bytes"] for load in loads) == 40 * 33 * 5
    _check(model, [rng.integers(-128, 128, (1, 40, 33, 5)).astype(np.int8)], "h64")


def test_a_network_of_two_inputs_is_refused(rng: np.random.Generator) -> None:
    builder, outputs = LARGE["add"](rng)
    model = builder.finish(outputs)
    with pytest.raises(UnsupportedError) as caught:
        compile_model(model, CONFIGS["h64"], name="net.tflite", stream_input=True)
    assert str(caught.value) == (
        f"net.tflite: {len(builder.inputs)} inputs, the stream brings one")


def test_files_say_where_the_input_comes_from(rng: np.random.Generator, tmp_path) -> None:
    program = compile_model(random_network(rng).model, CONFIGS["h64"], stream_input=True)
    program.save(tmp_path)
    assert type(program).load(tmp_path) == program
    assert "#define HADRON_PROGRAM_INPUT0_STREAM 1" in program.header()
    assert "INPUT0_OFFSET" not in program.header()
