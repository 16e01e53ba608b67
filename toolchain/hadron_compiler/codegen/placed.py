"""Operands that are views: where they lie, and what a kernel does not read or write as such."""

from collections.abc import Set
from dataclasses import replace

from hadron_compiler.codegen.geometry import Geometry, Pitches, pitches_of
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.matrix import needs_split
from hadron_compiler.codegen.packing import Weights
from hadron_compiler.errors import CompileError
from hadron_compiler.ir.graph import Operation, Tensor

__all__ = ["ViewsError", "check_split", "place_operands", "with_gaps"]


class ViewsError(CompileError):
    """Tensors that can be no views."""

    def __init__(self, tensors: Set[Tensor]) -> None:
        super().__init__(f"no views: {', '.join(sorted(tensor.name for tensor in tensors))}")
        self.tensors = tensors


def with_gaps(operation: Operation, geometry: Geometry) -> Geometry:
    """Return the geometry with what is known of the first operand and the output."""
    gaps = []
    for tensor, image in ((operation.required(0), geometry.source),
                          (operation.outputs[0], geometry.destination)):
        placed = None if tensor.deep else pitches_of(tensor, geometry.images, image)
        gaps.append(placed is not None and placed.pixel != image[2])
    return replace(geometry, gaps=(gaps[0], gaps[1]))


def check_split(operation: Operation, geometry: Geometry, weights: Weights) -> None:
    """Refuse gaps in a row that has to be read twice, as a whole."""
    if geometry.gaps[0] and geometry.window.kernel_x > 1 and needs_split(weights):
        raise ViewsError({operation.required(0)})


def place_operands(kernel: Kernel, operation: Operation) -> set[Tensor]:
    """Set where a kernel's operands lie; return those that are views it does not take."""
    geometry = kernel.geometry
    refused: set[Tensor] = set()

    def place(tensor: Tensor, image: tuple[int, int, int], gaps: bool) -> Pitches:
        height, width, channels = image
        size = height * width * channels
        # A kernel that takes both planes for bytes knows of no distance between them.
        in_planes = tensor.deep and geometry.images * size == tensor.elements
        dense = Pitches(0, size, width * channels, channels, tensor.elements * in_planes)
        if not tensor.is_view:
            return dense
        placed = pitches_of(tensor, geometry.images, image)
        if placed is None or not (gaps or replace(placed, offset=0) == dense):
            refused.add(tensor)
            return dense
        return placed

    read = [tensor for tensor in operation.activations if not tensor.in_memory]
    output = operation.outputs[0]
    sources = [place(tensor, geometry.source, kernel.reads_gaps) for tensor in read]
    written = place(output, geometry.destination, kernel.writes_gaps)
    if kernel.reads_alike and len({(source.row, source.pixel) for source in sources}) > 1:
        refused |= {tensor for tensor in read if tensor.is_view}
    kernel.placed = (*sources, written)
    return refused
