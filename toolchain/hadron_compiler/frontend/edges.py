"""Operators at the edges of a network that are left to the host, and said to be.

A converter puts them where the network's inputs and outputs are no integers, or the last layer is
one that the NPU does not have: nothing the NPU computes comes before or after them.
"""

from dataclasses import dataclass, field

from hadron_compiler.frontend.flatbuffer import RawModel, RawOperator
from hadron_compiler.frontend.tails import find_tail
from hadron_compiler.frontend.unsigned import is_shifted
from hadron_compiler.program import HostEdge
from hadron_model.operators.deep_softmax import DEEP_SOFTMAX_SCALE

__all__ = ["EDGE_OPERATORS", "Edges", "find_edges"]

EDGE_OPERATORS = {
    "QUANTIZE": "from FLOAT32 or UINT8 of a network input, to UINT8 of a network output: left to "
                "the host, and reported",
    "DEQUANTIZE": "of a network output: left to the host, and reported",
    "ARG_MAX": "of a network output, any axis: left to the host, and reported",
    "SOFTMAX": "of 16 bits, of a network output: left to the host, and reported",
    "others": "behind all that the NPU runs (suppression of boxes, L2_NORMALIZATION): left to the "
              "host, with what they read as outputs, and reported",
}
"""What is supported of operators at the edges."""

_ACTIVATIONS = ("INT8", "INT16")


@dataclass
class Edges:
    """What is left of a model without its edges.

    `operators` are the indices of those left to the host; `inputs` and `outputs` the tensors that
    take the place of the model's.
    """

    inputs: list[int]
    outputs: list[int]
    operators: set[int] = field(default_factory=set)
    host: list[HostEdge] = field(default_factory=list)


def find_edges(model: RawModel) -> Edges:
    """Find QUANTIZE of a network input, DEQUANTIZE, ARG_MAX and 16-bit SOFTMAX of an output; and
    what comes last that the NPU does not have, whose inputs are outputs then."""
    edges = Edges(list(model.inputs), list(model.outputs))
    tail = find_tail(model)
    edges.operators |= tail.operators
    gone = {i for index in tail.operators for i in model.operators[index].outputs}
    edges.outputs = [i for i in edges.outputs if i not in gone]
    edges.outputs += [i for i, _ in tail.reads if i not in edges.outputs]
    more = f" and {len(tail.operators) - 1} more" if len(tail.operators) > 1 else ""
    outputs = [HostEdge(f"{model.operators[index].kind} #{index}{more}", "output",
                        edges.outputs.index(i), model.tensors[i].name,
                        model.tensors[i].file_dtype, model.tensors[i].elements, behind=True)
               for i, index in tail.reads]
    readers: dict[int, int] = {}
    for index, operator in enumerate(model.operators):
        for i in operator.inputs if index not in tail.operators else ():
            readers[i] = readers.get(i, 0) + 1
    # From the last on: what the host computes, other operators of the host may read.
    for index, operator in reversed(list(enumerate(model.operators))):
        if (len(operator.outputs) != 1 or not operator.inputs or -1 in operator.inputs
                or index in tail.operators):
            continue
        source, output = operator.inputs[0], operator.outputs[0]
        given, made = model.tensors[source], model.tensors[output]
        label = f"{operator.kind} #{index}"
        alone = source in edges.inputs and readers[source] == 1 and source not in model.outputs
        if (operator.kind == "QUANTIZE" and alone and made.dtype in _ACTIVATIONS
                and (given.dtype == "FLOAT32" or is_shifted(given, made))):
            position = edges.inputs.index(source)
            edges.inputs[position] = output
            edges.host.insert(0, HostEdge(label, "input", position, given.name,
                                          given.file_dtype, made.elements))
            edges.operators.add(index)
        elif (given.dtype in _ACTIVATIONS and not readers.get(output)
              and edges.outputs.count(output) == 1 and source not in model.inputs
              and (operator.kind in ("DEQUANTIZE", "ARG_MAX") or _is_deep_softmax(operator, model)
                   or (operator.kind == "QUANTIZE" and is_shifted(made, given)))):
            axis = beta = None
            if operator.kind == "ARG_MAX":
                constant = model.tensors[operator.inputs[1]].data
                if constant is None or constant.size != 1 or not given.shape:
                    continue
                axis = int(constant.ravel()[0]) % len(given.shape)
            elif operator.kind == "SOFTMAX":
                assert operator.options is not None
                beta = float(operator.options["Beta"])
            position = edges.outputs.index(output)
            edges.outputs[position] = source
            for read in operator.inputs:
                readers[read] -= 1
            outputs.insert(0, HostEdge(label, "output", position, made.name, made.file_dtype,
                                       given.elements, axis, beta=beta))
            edges.operators.add(index)
    edges.host += outputs
    _report_unsigned(edges, model)
    return edges


def _report_unsigned(edges: Edges, model: RawModel) -> None:
    """Report inputs and outputs that are UINT8 in the file, and of which nothing else is said."""
    said = {(edge.side, edge.position) for edge in edges.host}
    edges.host += [
        HostEdge("QUANTIZE", side, position, model.tensors[i].name, "uint8",
                 model.tensors[i].elements)
        for side, ends in (("input", edges.inputs), ("output", edges.outputs))
        for position, i in enumerate(ends)
        if model.tensors[i].unsigned and (side, position) not in said]


def _is_deep_softmax(operator: RawOperator, model: RawModel) -> bool:
    """Tell whether an operator is a SOFTMAX from 16 bits to 16 bits."""
    if operator.kind != "SOFTMAX" or operator.options is None:
        return False
    given, made = (model.tensors[some[0]] for some in (operator.inputs, operator.outputs))
    return (given.dtype == made.dtype == "INT16" and made.scales == (DEEP_SOFTMAX_SCALE,)
            and made.zero_points == (0,) and float(operator.options["Beta"]) > 0)
