"""Copies folded away: producers of a concatenation write into it, splits are windows."""

from collections import Counter

import numpy as np
import pytest

from hadron_compiler import Program, compile_model
from hadron_spec.commands import Opcode, iterate
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS, Layers
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import Tensor

SCALE, ZERO = 0.05, -7
CONFIGURATIONS = [CONFIGS["h64"], CONFIGS["h256"], SMALL_CONFIGS["square"]]
every_config = pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda config: config.name)


class Net(Layers):
    """Layers that all have one quantization."""

    def conv(self, x: Tensor, channels: int, kernel: tuple[int, int] = (1, 1), lowest: int = -127,
             **options) -> Tensor:
        weights = self.rng.integers(lowest, 128, (channels, *kernel, x.shape[3])).astype(np.int8)
        weights.flat[0] = lowest
        scale = 2.0 / (x.scale * 60 * 73 * float(np.sqrt(weights[0].size)))
        return self.builder.conv_2d(x, weights, None, scale, SCALE, ZERO, **options)

    def join(self, *parts: Tensor, axis: int = 3) -> Tensor:
        return self.builder.concatenation(parts, SCALE, ZERO, axis=axis)

    def depthwise_like(self, x: Tensor) -> Tensor:
        weights = self.rng.integers(-127, 128, (1, 3, 3, x.shape[3])).astype(np.int8)
        bias = np.zeros(x.shape[3], np.int32)
        return self.builder.depthwise_conv_2d(x, weights, bias, 0.01, SCALE, ZERO)


def compiled(net: Net, outputs: list[Tensor], config) -> Program:
    """Compare with the oracle; return the program."""
    model = net.builder.finish(outputs)
    program = compile_model(model, config)
    inputs = [net.rng.integers(-128, 128, x.shape).astype(np.int8) for x in net.inputs]
    got, result = run_program(program, inputs)
    assert result.ok, (result.error, result.detail)
    assert not result.hazards
    for array, wanted in zip(got, oracle.run(model, inputs, outputs=len(outputs), arena=32 << 20),
                             strict=True):
        np.testing.assert_array_equal(array.ravel(), wanted.ravel())
    return program


def layers(net: Net, outputs: list[Tensor], config) -> dict[str, int]:
    """Compare with the oracle; return the cycles of the layers by their operators."""
    return {layer.op: layer.cycles for layer in compiled(net, outputs, config).layers}


def check(net: Net, outputs: list[Tensor], config) -> Counter:
    """Compare with the oracle; return how many commands of each opcode there are."""
    program = compiled(net, outputs, config)
    commands = program.memory[program.command_offset:][:128 * program.command_count]
    return Counter(Opcode(values["opcode"]) for values in iterate(commands))


@every_config
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_convolutions_write_into_their_shares(config, axis: int, rng) -> None:
    net = Net(rng, (1, 9, 11, 5))
    x = net.inputs[0]
    channels = (20, 32, 7) if axis == 3 else (24, 24, 24)
    y = net.join(*(net.conv(x, count, (3, 3)) for count in channels), axis=axis)
    assert Opcode.MAX not in check(net, [net.conv(y, 10, (3, 3))], config)


@every_config
def test_functions_and_sums_write_into_their_shares(config, rng) -> None:
    net = Net(rng, (1, 9, 11, 5))
    a, b = (net.conv(net.inputs[0], 40) for _ in range(2))
    y = net.join(net.builder.unary("HARD_SWISH", a, SCALE, ZERO),
                 net.builder.binary("ADD", a, b, SCALE, ZERO))
    assert Opcode.MAX not in check(net, [net.conv(y, 10)], config)


@every_config
def test_concatenations_of_concatenations(config, rng) -> None:
    """As in DenseNet: every layer reads all before it."""
    net = Net(rng, (1, 9, 11, 5))
    y = net.conv(net.inputs[0], 24)
    for _ in range(3):
        y = net.join(y, net.conv(net.conv(y, 32), 12, (3, 3)))
    assert Opcode.MAX not in check(net, [net.conv(y, 10)], config)


@every_config
def test_the_halves_of_a_split_are_windows(config, rng) -> None:
    net = Net(rng, (1, 9, 11, 5))
    a, b = net.builder.split(net.conv(net.inputs[0], 64))
    y = net.builder.binary("ADD", net.conv(a, 32), net.depthwise(b, (3, 3)), SCALE, ZERO)
    assert Opcode.MAX not in check(net, [y], config)


def test_a_copy_is_kept_where_it_saves_more_steps_than_it_takes(rng) -> None:
    """Rows of 3 pixels of 24 channels are 5 steps, and 6 where they lie apart."""
    net = Net(rng, (1, 9, 11, 5))
    a, b = net.builder.split(net.conv(net.inputs[0], 48))
    y = net.builder.binary("ADD", net.conv(a, 24, (3, 3)), net.conv(b, 24), SCALE, ZERO)
    assert check(net, [y], CONFIGS["h64"])[Opcode.MAX] == 1


@every_config
def test_halves_that_are_joined_again_are_no_parts(config, rng) -> None:
    """As in YOLOv8: both halves of a split, and what is made of the second."""
    net = Net(rng, (1, 9, 11, 5))
    a, b = net.builder.split(net.conv(net.inputs[0], 64))
    y = net.conv(net.join(a, b, net.conv(b, 32)), 10)
    assert Opcode.MAX not in check(net, [y], config)


@every_config
def test_the_phases_of_an_image_are_one_movement(config, rng) -> None:
    """As in YOLOX: every other row and column, joined."""
    net = Net(rng, (1, 12, 14, 3))
    x = net.inputs[0]
    phases = [net.builder.strided_slice(x, (0, *first, 0), (1, 2, 2, 1))
              for first in ((0, 0), (1, 0), (0, 1), (1, 1))]
    joined = net.builder.concatenation(phases, x.scale, x.zero_point)
    assert len(layers(net, [net.conv(joined, 8, (3, 3))], config)) == 2


@every_config
def test_interleaved_channels_are_sums_of_one_element(config, rng) -> None:
    """Channel shuffle: a step for each of two runs that make up `columns` channels."""
    net = Net(rng, (1, 9, 11, 5))
    x = net.conv(net.inputs[0], 58)
    kept, y = net.builder.split(net.builder.shuffle(x))
    made = layers(net, [net.join(kept, net.depthwise_like(y))], config)
    blocks = -(-58 // config.columns)
    assert made["TRANSPOSE"] < 9 * 11 * 2 * blocks + 200


@every_config
def test_what_cannot_be_a_view_is_copied(config, rng) -> None:
    """A network input, a tensor joined twice, and one that is an output itself.

    What is joined twice is copied twice by the configuration that thereby takes fewer cycles.
    """
    net = Net(rng, (1, 9, 11, 5))
    x, y = net.conv(net.inputs[0], 20), net.conv(net.inputs[0], 16)
    own = net.builder.input((1, 9, 11, 3), SCALE, ZERO)
    net.inputs.append(own)
    joined = net.join(own, x, y, x)
    assert check(net, [joined, y], config)[Opcode.MAX] == {"square": 4}.get(config.name, 3)


@every_config
def test_weights_of_minus_128_read_a_copy(config, rng) -> None:
    """They read whole rows of neighbouring pixels, twice."""
    net = Net(rng, (1, 9, 11, 5))
    a, b = net.builder.split(net.conv(net.inputs[0], 48))
    y = net.join(net.conv(a, 24, (3, 3), lowest=-128), net.conv(b, 24, (3, 3)))
    assert check(net, [y], config)[Opcode.MAX] > 0


@pytest.mark.parametrize("config", [CONFIGS["h64"], CONFIGS["h256"]], ids=lambda c: c.name)
def test_views_of_tensors_that_do_not_fit(config, rng) -> None:
    size = 64 if config.name == "h256" else 40
    net = Net(rng, (1, size, size, 3))
    x = net.conv(net.inputs[0], 32, (3, 3))
    y = net.join(x, net.conv(x, 32, (3, 3)), net.conv(x, 16))
    a, b = net.builder.split(y)
    check(net, [net.conv(net.conv(a, 16, (3, 3)), 8), net.depthwise(b, (3, 3))], config)
