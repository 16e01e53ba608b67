"""SOFTMAX over two elements: a function of their difference, from tables.

The unit takes ten cycles for a row of two. Both probabilities depend on the difference alone, which
has nine bits: as in products, it is cut into two bytes, of which one always saturates, one for what
is below 0 and one for what is above. Eight steps make the results of `columns` elements.
"""

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.elementwise import BYTES
from hadron_compiler.ir.graph import (
    Graph,
    LookupAttributes,
    Operation,
    OpKind,
    SoftmaxAttributes,
)
from hadron_compiler.passes.expansion import Expansion, expand_each
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import (
    softmax_output,
    softmax_reciprocal,
    softmax_sum_term,
    softmax_table,
)
from hadron_spec.tflite_quantization import float32

__all__ = ["LEAST_ROWS", "run"]

LEAST_ROWS = 64
"""Below, four operations take as long as the unit's."""

_BELOW, _ABOVE = 127, -128
"""What is added to a difference of at most 0, and of at least 0: it then is a byte."""


def run(graph: Graph, config: NpuConfig) -> Graph:
    """Replace every SOFTMAX over two elements."""
    return expand_each(graph, lambda operation: _tabulate(operation, config))


def _tabulate(operation: Operation, config: NpuConfig) -> list[Operation]:
    """Return the operation, or those that take its place."""
    attributes, output = operation.attributes, operation.outputs[0]
    if (not isinstance(attributes, SoftmaxAttributes) or output.shape[-1] != 2
            or output.elements < 2 * LEAST_ROWS):
        return [operation]
    made = Expansion(operation, config)
    source = operation.required(0)
    other = made.move("swapped", source, 0, np.arange(0, source.elements, 2), np.array([1, 0]))
    halves = [
        made.append(OpKind.SUB, [source, other], made.tensor(what, source.shape, source),
                    LookupAttributes((BYTES, offset - BYTES)))
        for what, offset in (("difference below 0", _BELOW), ("difference above 0", _ABOVE))]
    below, above = (_probabilities(attributes, source.scale, BYTES - offset)
                    for offset in (_BELOW, _ABOVE))
    made.append(operation.kind, halves, operation.outputs[0],
                LookupAttributes((below, above - _probabilities(attributes, source.scale,
                                                                np.zeros(1, np.int64)))))
    return made.operations


def _probabilities(attributes: SoftmaxAttributes, scale: float,
                   differences: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the outputs of elements that are so much larger than the other one of their row."""
    table = np.array(softmax_table(float32(attributes.beta) * float32(scale)), np.int64)
    exps, others = (table[255 + np.minimum(some, 0)] for some in (differences, -differences))
    total = softmax_sum_term(exps) + softmax_sum_term(others)
    return np.asarray(softmax_output(exps, *softmax_reciprocal(total)), np.int64)
