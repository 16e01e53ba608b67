"""A small ONNX network of real numbers, as PyTorch exports them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["real_network"]


def real_network(rng: np.random.Generator, *, batch: int | str = 1, size: int | str = 16,
                 first: str = "", opset: int = 17) -> onnx.ModelProto:
    """Return a network of ``[batch, 3, size, size]`` to ``[batch, 10]``: convolutions with
    normalization, a residual, an average, a matrix; behind an operator `first`."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(value: object) -> str:
        name = f"constant{len(constants)}"
        constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind.lower()}{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def convolution(x: str, sources: int, channels: int, kernel: int, *, stride: int = 1,
                    groups: int = 1) -> str:
        taps = sources // groups * kernel ** 2
        weights = rng.normal(0, 1.4 / np.sqrt(taps), (channels, sources // groups, kernel, kernel))
        x = node("Conv", x, constant(weights), kernel_shape=[kernel, kernel],
                 strides=[stride, stride], pads=[kernel // 2] * 4, group=groups)
        means = [rng.normal(0, 0.1, channels) for _ in range(2)]
        scales = [rng.uniform(0.5, 1.5, channels) for _ in range(2)]
        return node("BatchNormalization", x, constant(scales[0]), constant(means[0]),
                    constant(means[1]), constant(scales[1]))

    def relu6(x: str) -> str:
        return node("Clip", x, constant(0), constant(6))

    x = node(first, "x") if first else "x"
    x = relu6(convolution(x, 3, 16, 3, stride=2))
    y = relu6(convolution(x, 16, 64, 1))
    y = relu6(convolution(y, 64, 64, 3, groups=64))
    x = node("Add", x, convolution(y, 64, 16, 1))
    x = relu6(convolution(x, 16, 160, 1))
    x = node("Flatten", node("GlobalAveragePool", x))
    x = node("Gemm", x, constant(rng.normal(0, 0.3, (10, 160))), constant(rng.normal(0, 0.1, 10)),
             transB=1)
    real = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", real, [batch, 3, size, size])],
        [helper.make_tensor_value_info(x, real, [batch, 10])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.checker.check_model(model)
    return model
