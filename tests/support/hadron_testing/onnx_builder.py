"""Build ONNX models in QDQ form node by node, and compare them with onnxruntime."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from hadron.session import Session
from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS

__all__ = ["Graph", "compare", "decibels", "run_both"]


class Graph:
    """A QDQ graph under construction; `x` is the name of the last real value."""

    def __init__(self, shape: tuple[int, ...], scale: float = 0.02, zero_point: int = 3,
                 opset: int = 17) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.shape = shape
        self.opset = opset
        self.count = 0
        self.x = self.requantize("x", scale, zero_point)

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def constant(self, value: np.ndarray) -> str:
        name = self.name("c")
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], **attributes) -> str:
        return self.parts(kind, inputs, 1, **attributes)[0]

    def parts(self, kind: str, inputs: list[str], count: int, **attributes) -> list[str]:
        outputs = [self.name("v") for _ in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def reals(self, values) -> str:
        return self.constant(np.asarray(values, np.float32))

    def quantize(self, real: str, scale: float, zero_point: int) -> str:
        return self.node("QuantizeLinear", [real, self.constant(np.float32(scale)),
                                            self.constant(np.int8(zero_point))])

    def dequantize(self, value: str, scale, zero_point, **attributes) -> str:
        return self.node("DequantizeLinear", [value, self.constant(np.float32(scale)),
                                              self.constant(np.asarray(zero_point, np.int8))],
                         **attributes)

    def requantize(self, real: str, scale: float, zero_point: int) -> str:
        return self.dequantize(self.quantize(real, scale, zero_point), scale, zero_point)

    def weights(self, rng: np.random.Generator, *shape: int) -> str:
        scales = (0.01 * rng.uniform(0.5, 1, shape[0])).astype(np.float32)
        data = self.constant(rng.integers(-128, 128, shape).astype(np.int8))
        return self.dequantize(data, scales, np.zeros(shape[0]), axis=0)

    def model(self) -> bytes:
        def made(*outputs: onnx.ValueInfoProto) -> onnx.ModelProto:
            source = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
            graph = helper.make_graph(self.nodes, "g", [source], outputs, self.constants)
            operators = [helper.make_opsetid("", self.opset),
                         helper.make_opsetid("com.microsoft", 1)]
            return helper.make_model(graph, opset_imports=operators, ir_version=8)

        known = onnx.shape_inference.infer_shapes(made()).graph.value_info
        # Nothing is known behind an operator of another domain: those of the tests keep the rank.
        sizes = [f"d{axis}" for axis in range(len(self.shape))]
        output = next((value for value in known if value.name == self.x
                       and value.type.tensor_type.HasField("shape")),
                      helper.make_tensor_value_info(self.x, TensorProto.FLOAT, sizes))
        return made(output).SerializeToString()


def run_both(graph: Graph, x: np.ndarray, config: str = "h64",
             optimized: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return what Hadron and onnxruntime make of an input. Not `optimized`, onnxruntime computes
    all in real numbers."""
    model = graph.model()
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    expected = onnxruntime.InferenceSession(model, options).run(None, {"x": x})[0]
    got = Session(compile_model(model, CONFIGS[config], name="net.onnx")).run(x).finished()
    assert got.shape == expected.shape
    return got, expected


def decibels(graph: Graph, x: np.ndarray, config: str = "h64") -> float:
    """Return how much larger onnxruntime's result is than its difference from Hadron's."""
    got, expected = run_both(graph, x.astype(np.float32), config, optimized=False)
    return float(10 * np.log10((expected**2).mean() / ((got - expected)**2).mean()))


def compare(graph: Graph, rng: np.random.Generator, scale: float, config: str = "h64",
            unequal: float = 0.05, steps_apart: int = 1, optimized: bool = True) -> None:
    """Run both; all outputs are within one step of each other, or `steps_apart`, most are
    equal."""
    x = rng.uniform(-2, 2, graph.shape).astype(np.float32)
    got, expected = run_both(graph, x, config, optimized)
    steps = np.rint((got - expected) / scale)
    assert np.abs(steps).max() <= steps_apart
    assert np.count_nonzero(steps) < unequal * steps.size + 2
