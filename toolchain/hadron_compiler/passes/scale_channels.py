"""MUL by a factor a channel that the network computes: the factors become weights.

Squeeze and excitation scales each channel of an image by a number made of all of it. As a product
of two tensors that takes thirteen steps for as many elements as the array has columns. But it is a
depthwise convolution of one element, whose weights the network has yet to compute: from the
factors, look-ups and movements make what the weight memory wants, diagonals of weights and a step
of parameters, store it to memory, and load it from there.

A factor less its zero point makes up to three weights. What the image's zero point takes from
the sums is a bias, of which look-ups make the four bytes.
"""

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.elementwise import BYTES
from hadron_compiler.ir.attributes import summed_offsets
from hadron_compiler.ir.graph import (
    FILL,
    ChannelTablesAttributes,
    Graph,
    MoveAttributes,
    Operation,
    OpKind,
    ProductAttributes,
    ScaledChannelsAttributes,
    Tensor,
)
from hadron_compiler.passes import remove_dead_operations
from hadron_compiler.passes.expansion import Expansion, beside, expand_each
from hadron_spec.commands import pack_parameters
from hadron_spec.config import NpuConfig
from hadron_spec.tflite_quantization import convolution_multiplier

__all__ = ["LEAST_PIXELS", "run"]

LEAST_PIXELS = 128
"""Below, making the weights takes longer than the steps that they spare."""


def run(graph: Graph, config: NpuConfig) -> Graph:
    """Replace the products of an image and a factor a channel."""
    producers = graph.producers()

    def expand(operation: Operation) -> list[Operation]:
        operands = _operands(operation, producers)
        return [operation] if operands is None else _scale(operation, *operands, config)

    return remove_dead_operations.run(expand_each(graph, expand))


def _operands(operation: Operation,
              producers: dict[Tensor, Operation]) -> tuple[Tensor, Tensor] | None:
    """Return image and factors of a product, None where it is another operation."""
    if not isinstance(operation.attributes, ProductAttributes) or operation.outputs[0].deep:
        return None
    for image, repeated in (operation.activations, operation.activations[::-1]):
        copy = producers.get(repeated)
        if copy is None or not isinstance(copy.attributes, MoveAttributes):
            continue
        factors, channels = copy.required(0), image.shape[-1]
        offsets = summed_offsets(copy.attributes.axes).reshape(-1, channels)
        if (factors.elements == channels and len(offsets) >= LEAST_PIXELS
                and (offsets == np.arange(channels)).all()):
            return image, factors
    return None


def _scale(operation: Operation, image: Tensor, factors: Tensor,
           config: NpuConfig) -> list[Operation]:
    """Return the operations that the product becomes."""
    attributes = operation.attributes
    assert isinstance(attributes, ProductAttributes)
    made = Expansion(operation, config)
    columns, lanes = config.columns, config.lanes
    groups = -(-factors.elements // columns)
    place = np.full(groups * columns, FILL, np.int64)
    place[:factors.elements] = np.arange(factors.elements)
    padded = made.move("padded", factors, factors.zero_point, place)

    diagonal = np.full((columns, lanes), FILL, np.int64)
    np.fill_diagonal(diagonal, np.arange(columns))
    group = columns * np.arange(groups, dtype=np.int64)
    weights = made.stored_weights(padded, *([group, some.reshape(-1)]
                                            for some in (diagonal, beside(diagonal))))
    scales = (image.scale, factors.scale)
    lane = np.zeros(lanes, np.int64)
    repeated = made.move("repeated", padded, 0, np.arange(padded.elements, dtype=np.int64), lane)
    parameters = made.append(
        OpKind.PRELU, [repeated],
        made.tensor("parameters", repeated.shape, repeated, in_memory=True),
        ChannelTablesAttributes(_parameter_tables(
            lanes, image.zero_point, factors.zero_point,
            *convolution_multiplier(*scales, operation.outputs[0].scale))))
    made.append(operation.kind, [image, parameters, *weights], operation.outputs[0],
                ScaledChannelsAttributes(attributes.activation, scales,
                                         image.largest * factors.largest))
    return made.operations


def _parameter_tables(lanes: int, image_zero_point: int, factor_zero_point: int, multiplier: int,
                      shift: int) -> npt.NDArray[np.int64]:
    """Return each byte of a column's parameter step as a table of the factor."""
    packed = [pack_parameters(-image_zero_point * (int(factor) - factor_zero_point), multiplier,
                              shift).ljust(lanes, b"\0") for factor in BYTES]
    return np.ascontiguousarray(np.array([np.frombuffer(some, np.int8) for some in packed],
                                         np.int64).T)
