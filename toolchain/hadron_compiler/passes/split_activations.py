"""A fused activation of 16 bits whose bounds are no high bytes is an operation of its own."""

from dataclasses import replace

from hadron_compiler.ir.graph import (
    Activation,
    AddAttributes,
    AddConstantAttributes,
    ClampAttributes,
    ConvolutionAttributes,
    FullyConnectedAttributes,
    Graph,
    MulAttributes,
    OpKind,
    PoolAttributes,
    ProductAttributes,
    TransposeConvolutionAttributes,
)
from hadron_spec.tflite_quantization import activation_range

__all__ = ["run"]

_FUSED = (ConvolutionAttributes | FullyConnectedAttributes | PoolAttributes | AddAttributes
          | AddConstantAttributes | MulAttributes | ProductAttributes
          | TransposeConvolutionAttributes)


def run(graph: Graph) -> Graph:
    """Put what clamps behind the operators that the array cannot clamp for."""
    operations = []
    for operation in graph.operations:
        attributes, output = operation.attributes, operation.outputs[0]
        if not (isinstance(attributes, _FUSED) and output.deep):
            operations.append(operation)
            continue
        low, high = activation_range(attributes.activation.value, output.scale, 0, bits=16)
        if low % 256 == 0 and high % 256 == 255:
            operations.append(operation)
            continue
        free = replace(output, name=f"{output.name} (before {attributes.activation.value})")
        operations += [
            replace(operation, outputs=[free],
                    attributes=replace(attributes, activation=Activation.NONE)),
            replace(operation, kind=OpKind.RELU6, inputs=[free],
                    attributes=ClampAttributes(low, high))]
    return replace(graph, operations=operations)
