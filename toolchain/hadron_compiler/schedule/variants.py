"""Choose which layers run with activations of four bits: where that takes fewer cycles."""

from collections.abc import Sequence

from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.levels import WHOLE, find_levels
from hadron_compiler.codegen.shallow import shallow_kernel
from hadron_compiler.ir.graph import Graph
from hadron_compiler.schedule.cycles import command_cycles
from hadron_spec.config import NpuConfig

__all__ = ["faster_of_each", "with_shallow_kernels"]


def with_shallow_kernels(graph: Graph, kernels: Sequence[Kernel],
                         config: NpuConfig) -> list[Kernel]:
    """Return the kernels, those of four bits in place of others where their commands are faster,
    packing included, with all tensors in the scratchpad."""
    levels = find_levels(graph)
    made = []
    for kernel, operation in zip(kernels, graph.operations, strict=True):
        source = operation.activations[0].storage
        other = None if source.deep else shallow_kernel(
            config, kernel, levels.get(source, WHOLE))
        faster = other is not None and _cycles(other, config) < _cycles(kernel, config)
        made.append(other if other is not None and faster else kernel)
    return made


def _cycles(kernel: Kernel, config: NpuConfig) -> int:
    """Return the cycles of an image's commands."""
    piece = kernel.sample(kernel.geometry.whole)
    return sum(command_cycles(command, config).total
               for part in kernel.parts(config.weight_steps, None)
               for command in part.commands(piece))


def faster_of_each(first: Sequence[Kernel], second: Sequence[Kernel],
                   cycles: tuple[Sequence[int], Sequence[int]]) -> list[Kernel]:
    """Return of two ways to run every layer the one that took fewer cycles in its program."""
    return [one if own <= other_own else other
            for one, other, own, other_own in zip(first, second, *cycles, strict=True)]
