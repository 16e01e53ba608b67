"""Networks of unusual build: RTL = golden model = TensorFlow Lite Micro.

What converters and people make that random models do not draw: images of one pixel, kernels larger
than the image, several inputs and outputs, batches, tensors without or with odd names, shared
weights, results that nobody or several read.
"""

from collections.abc import Callable

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_cosim.simulator import NpuSimulator
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.draws import activations
from hadron_testing.programs import memory_image, outputs_of, run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor

pytestmark = pytest.mark.slow

H64 = CONFIGS["h64"]


class Net(ModelBuilder):
    """A builder that draws weights."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng = rng

    def image(self, *shape: int, zero_point: int = 3, **options: str) -> Tensor:
        return self.input(shape, 0.1, zero_point, **options)

    def conv(self, x: Tensor, channels: int, kernel: tuple[int, int] = (3, 3),
             zero_point: int = 3, **options: object) -> Tensor:
        shape = (channels, *kernel, x.shape[3])
        scale = 0.2 / np.sqrt(np.prod(shape[1:]))
        return self.conv_2d(x, self.rng.integers(-127, 128, shape).astype(np.int8),
                            self.rng.integers(-2000, 2000, channels), scale, 0.2, zero_point,
                            **options)

    def depthwise(self, x: Tensor, kernel: tuple[int, int] = (3, 3), multiplier: int = 1,
                  **options: object) -> Tensor:
        channels = x.shape[3] * multiplier
        return self.depthwise_conv_2d(
            x, self.rng.integers(-127, 128, (1, *kernel, channels)).astype(np.int8),
            self.rng.integers(-2000, 2000, channels), 0.02, 0.2, 3, **options)

    def dense(self, x: Tensor, outputs: int, inputs: int) -> Tensor:
        return self.fully_connected(
            x, self.rng.integers(-127, 128, (outputs, inputs)).astype(np.int8),
            self.rng.integers(-2000, 2000, outputs), 0.01, 0.3, 2)


Make = Callable[[Net], list[Tensor]]


def an_image_of_one_pixel(net: Net) -> list[Tensor]:
    return [net.conv(net.image(1, 1, 1, 1, zero_point=127), 7)]


def one_row(net: Net) -> list[Tensor]:
    return [net.conv(net.image(1, 1, 97, 5), 9, (1, 11), stride=(1, 2))]


def one_column(net: Net) -> list[Tensor]:
    return [net.conv(net.image(1, 97, 1, 5), 9, (11, 1), stride=(3, 1), padding="VALID")]


def a_kernel_larger_than_the_image(net: Net) -> list[Tensor]:
    return [net.conv(net.image(1, 5, 4, 6), 5, (9, 11))]


def a_dilation_larger_than_the_image(net: Net) -> list[Tensor]:
    return [net.conv(net.image(1, 9, 9, 6), 5, dilation=(7, 20))]


def a_stride_larger_than_the_image(net: Net) -> list[Tensor]:
    return [net.conv(net.image(1, 9, 9, 6), 5, stride=(20, 30))]


def a_large_depthwise_window(net: Net) -> list[Tensor]:
    return [net.depthwise(net.image(1, 14, 15, 7), (11, 9))]


def a_channel_multiplier_of_eight(net: Net) -> list[Tensor]:
    return [net.depthwise(net.image(1, 10, 9, 1), (10, 8), 8, stride=(2, 2))]


def zero_points_at_the_ends(net: Net) -> list[Tensor]:
    y = net.conv(net.image(1, 10, 9, 8, zero_point=127), 8, zero_point=-128)
    return [net.conv(net.depthwise(y), 3, zero_point=127)]


def several_inputs_one_of_them_unused(net: Net) -> list[Tensor]:
    x, z, _ = net.image(1, 10, 9, 8), net.image(1, 5, 4, 8), net.image(1, 3)
    pooled = net.pool_2d("AVERAGE_POOL_2D", x, (2, 2), stride=(2, 2))
    return [net.binary("ADD", pooled, z, 0.3, 5)]


def outputs_that_are_read_given_twice_or_inputs(net: Net) -> list[Tensor]:
    x = net.image(1, 10, 9, 8)
    a = net.conv(x, 4)
    return [x, a, net.conv(a, 6), a]


def a_branch_that_nobody_reads(net: Net) -> list[Tensor]:
    x = net.image(1, 10, 9, 8)
    net.conv(x, 6)
    return [net.conv(x, 4)]


def a_batch_through_a_whole_network(net: Net) -> list[Tensor]:
    a = net.depthwise(net.conv(net.image(3, 10, 9, 8), 4, stride=(2, 2)))
    a = net.pool_2d("MAX_POOL_2D", a, (2, 2), stride=(2, 2))
    return [net.softmax(net.dense(net.reshape(a, (3, 16)), 5, 16))]


def reshapes_first_last_and_shared(net: Net) -> list[Tensor]:
    a = net.conv(net.reshape(net.image(1, 720), (1, 10, 9, 8)), 8)
    turned = net.reshape(a, (1, 9, 10, 8))
    return [net.reshape(net.conv(turned, 3), (3, 90)), net.conv(a, 3), turned]


def channels_scaled_by_what_is_in_them(net: Net) -> list[Tensor]:
    x = net.conv(net.image(1, 13, 12, 8), 22)
    gate = net.unary("LOGISTIC", net.mean(x, (1, 2), 0.2, 3, keep_dims=True), 1 / 256, -128)
    return [net.conv(net.binary("MUL", x, gate, 0.15, -4), 5)]


def only_a_reshape(net: Net) -> list[Tensor]:
    return [net.reshape(net.image(1, 720), (1, 10, 9, 8))]


def weights_that_two_layers_share(net: Net) -> list[Tensor]:
    x = net.image(1, 10, 9, 8)
    a = net.conv(x, 8)
    weights = [net.tensors[i] for i in net.operators[-1].inputs[1:]]
    out = net.tensor(a.shape, 0.3, 1)
    net.operator("CONV_2D", [a, *weights], [out], "Conv2D", version=3, strideH=1, strideW=1,
                 dilationHFactor=1, dilationWFactor=1)
    return [out]


def a_fused_relu_with_a_second_reader(net: Net) -> list[Tensor]:
    a = net.conv(net.image(1, 10, 9, 8), 8, activation="RELU")
    return [net.conv(a, 3), net.unary("ABS", a, 0.2, -5), net.binary("ADD", a, a, 0.4, 0)]


def tensors_without_names(net: Net) -> list[Tensor]:
    a = net.conv(net.image(1, 10, 9, 8), 8)
    b = net.conv(a, 3)
    for tensor in net.tensors:
        tensor.name = ""
    return [b, a]


def tensors_of_one_name(net: Net) -> list[Tensor]:
    a = net.binary("ADD", net.image(1, 6, 5, 8), net.image(1, 6, 5, 8), 0.2, 0)
    b = net.conv(a, 3)
    for tensor in net.tensors:
        tensor.name = "t"
    return [b, a]


def names_that_are_no_names(net: Net) -> list[Tensor]:
    a = net.conv(net.image(1, 6, 5, 8, name="输入/x:0;\n\t\"<b>"), 8)
    b = net.conv(a, 3)
    a.name, b.name = "../../etc/x", "a" * 5000
    return [b, a]


def rows_of_a_dense_layer(net: Net) -> list[Tensor]:
    return [net.dense(net.image(2, 3, 4, 5), 5, 60), net.dense(net.image(6, 40), 3, 40)]


def a_dense_layer_whose_sums_take_several_commands(net: Net) -> list[Tensor]:
    x = net.reshape(net.conv(net.image(1, 9, 12, 3), 77), (1, 9 * 12 * 77))
    weights = net.rng.integers(-127, 128, (6, x.shape[1])).astype(np.int8)
    return [net.fully_connected(x, weights, np.arange(6), 0.001, 0.3, 2)]


def averages_over_more_elements_than_the_weight_memory_has_steps(net: Net) -> list[Tensor]:
    x = net.image(1, 40, 33, 9)
    return [net.pool_2d("AVERAGE_POOL_2D", x, (30, 25), stride=(17, 15)),
            net.mean(x, (1, 2), 0.01, 3)]


def the_smallest_dense_layer(net: Net) -> list[Tensor]:
    return [net.dense(net.image(1, 1), 1, 1)]


def softmax_of_two(net: Net) -> list[Tensor]:
    return [net.softmax(net.reshape(net.conv(net.image(1, 10, 9, 8), 4), (1, 180, 2)))]


def softmax_of_many_and_of_one(net: Net) -> list[Tensor]:
    # Of more equal elements the reference kernel aborts.
    return [net.softmax(net.image(1, 250)), net.softmax(net.image(5, 1))]


def a_concatenation_of_one_tensor(net: Net) -> list[Tensor]:
    x = net.input((1, 5, 5, 4), 0.2, 3)
    fixed = net.constant(np.arange(50, dtype=np.int8).reshape(1, 5, 5, 2), 0.2, 3)
    return [net.concatenation([x, x, fixed, x], 0.2, 3)]


def a_long_chain(net: Net) -> list[Tensor]:
    a = net.image(1, 5, 5, 4)
    for _ in range(60):
        a = net.conv(a, 4, (1, 1))
    return [a]


def ten_branches(net: Net) -> list[Tensor]:
    x = net.image(1, 5, 5, 4)
    parts = [net.conv(x, channels + 1, (1, 1)) for channels in range(10)]
    return [net.concatenation(parts, 0.2, 3), *parts[:3]]


def scales_far_apart(net: Net) -> list[Tensor]:
    return [net.binary("ADD", net.input((1, 7, 7, 8), 1e-4, -100), net.input((1, 7, 7, 8), 10.0, 3),
                       5.0, 5)]


UNUSUAL: list[Make] = [
    an_image_of_one_pixel, one_row, one_column, a_kernel_larger_than_the_image,
    a_dilation_larger_than_the_image, a_stride_larger_than_the_image, a_large_depthwise_window,
    a_channel_multiplier_of_eight, zero_points_at_the_ends, several_inputs_one_of_them_unused,
    outputs_that_are_read_given_twice_or_inputs, a_branch_that_nobody_reads,
    a_batch_through_a_whole_network, reshapes_first_last_and_shared,
    channels_scaled_by_what_is_in_them, only_a_reshape, weights_that_two_layers_share,
    a_fused_relu_with_a_second_reader, tensors_without_names,
    tensors_of_one_name, names_that_are_no_names, rows_of_a_dense_layer,
    a_dense_layer_whose_sums_take_several_commands,
    averages_over_more_elements_than_the_weight_memory_has_steps, the_smallest_dense_layer,
    softmax_of_two, softmax_of_many_and_of_one, a_concatenation_of_one_tensor,
    a_long_chain, ten_branches, scales_far_apart,
]


@pytest.fixture(scope="module")
def simulator() -> NpuSimulator:
    return NpuSimulator(H64)


@pytest.mark.parametrize("make", UNUSUAL, ids=lambda make: make.__name__)
def test_a_network(simulator: NpuSimulator, make: Make, rng: np.random.Generator) -> None:
    net = Net(rng)
    outputs = make(net)
    model = net.finish(outputs)
    inputs = [activations(rng, x.shape) for x in net.inputs]
    program = compile_model(model, H64)
    golden, result = run_program(program, inputs)
    assert result.ok
    assert not result.hazards
    memory = memory_image(program, inputs)
    run = simulator.run(memory, program.command_offset, program.command_count, 0,
                        program.region_bytes, 200 * program.cycles + 10_000)
    assert run.status == "done"
    expected = oracle.run(model, inputs, outputs=len(outputs))
    assert len(golden) == len(outputs)
    for ours, rtl, wanted in zip(golden, outputs_of(program, memory), expected, strict=True):
        np.testing.assert_array_equal(ours.ravel(), wanted.ravel())
        np.testing.assert_array_equal(rtl, ours)
