"""Inputs of the network laid out with gaps between rows, so that steps read two kernel rows."""

from collections.abc import Sequence

from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.matrix import ConvolutionKernel
from hadron_compiler.codegen.placed import ViewsError
from hadron_compiler.ir.graph import Graph
from hadron_spec.config import NpuConfig

__all__ = ["lay_out_inputs"]


def lay_out_inputs(graph: Graph, kernels: Sequence[Kernel], config: NpuConfig) -> None:
    """Let convolutions read two kernel rows of a network input a step, where that is faster.

    LOAD makes the gaps: the rows must be whole beats of the bus. Nobody else may read the input,
    and what it reads it with must not be replaced later, as those of activations of eight bits are.

    Raises
    ------
    ViewsError
        With the output of a convolution that reads its input otherwise because it is a view.
    """
    if not config.row_pairs or config.shallow:
        return
    outside = {tensor.storage for tensor in graph.outputs}
    for tensor in graph.inputs:
        readers = [(kernel, operation) for kernel, operation in zip(
            kernels, graph.operations, strict=True)
            if any(some.storage is tensor for some in operation.activations)]
        if len(readers) != 1 or tensor in outside or tensor.in_memory:
            continue
        (kernel, operation), = readers
        if (isinstance(kernel, ConvolutionKernel) and len(operation.activations) == 1
                and not operation.activations[0].is_view
                and operation.activations[0].shape == tensor.shape and len(tensor.shape) == 4
                and tensor.row % config.axi_bytes == 0):
            gap = kernel.read_row_pairs()
            # Of all graphs of a network the inputs are the same tensors: what the first, which has
            # no views, wants of one holds for all.
            output = operation.outputs[0]
            if output.is_view and gap != tensor.gap:
                raise ViewsError({output})
            tensor.gap = gap
