"""ONNX nodes that are known before anything runs: shapes, and what is computed from constants."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from hadron_compiler.frontend.onnx_inputs import Given, Made, Options, shape_of
from hadron_compiler.frontend.onnx_values import Constant, Pending, Quantized

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["computed", "kept_quantized"]


def computed(importer: "OnnxImporter", node: Any, given: Given) -> Made:
    """Return the constants that a node makes of constants, or of the shape of its input."""
    # Late and untyped, as in `read_onnx`.
    reference: Any = import_module("onnx.reference")
    if node.op_type in ("Shape", "Size"):
        source = given[0]
        if not importer.require(not isinstance(source, Pending) or not source.then, "the shape of "
                                "what is not quantized is not known"):
            return None
        shape = source.shape if isinstance(source, Pending) else shape_of(source)
        given = [Constant("", np.zeros(shape, np.int8))]
    onnx = importer.onnx
    values = {name: value.data for name, value in zip(node.input, given, strict=True)
              if isinstance(value, Constant)}
    graph = onnx.helper.make_graph(
        [node], "constant", [onnx.helper.make_empty_tensor_value_info(name) for name in values],
        [onnx.helper.make_empty_tensor_value_info(name) for name in node.output])
    model = onnx.helper.make_model(graph, opset_imports=importer.model.opset_import)
    try:
        made = reference.ReferenceEvaluator(model).run(None, values)
    except Exception as error:  # of as many classes as there are operators
        lines = str(error).strip().splitlines() or [type(error).__name__]
        importer.require(False, f"cannot be computed from constants ({lines[0].strip()})")
        return None
    return [Constant(name, np.asarray(value)) for name, value in zip(node.output, made,
                                                                     strict=True)]


def kept_quantized(source: Quantized, node: Any, given: Given,
                   options: Options) -> Quantized | None:
    """Return a quantized constant under another shape or with its axes in another order; None
    where the node does something else."""
    data, axis = source.data, source.axis
    if node.op_type == "Transpose":
        order = list(options.get("perm", range(data.ndim)[::-1]))
        return Quantized(source.name, data.transpose(order), source.scales, source.zero_points,
                         order.index(axis) if data.ndim else 0)
    if node.op_type in ("Identity", "Dropout"):
        return source
    shape = given[1] if len(given) > 1 else None
    if node.op_type == "Reshape" and len(source.scales) == 1 and isinstance(shape, Constant):
        wanted = [data.shape[i] if n == 0 else int(n) for i, n in enumerate(shape.data.ravel())]
        return Quantized(source.name, data.reshape(wanted), source.scales, source.zero_points, 0)
    return None
