"""Decide which tensors live in the scratchpad, and where; the others are streamed from memory."""

from dataclasses import dataclass, field

from hadron_compiler.allocate.intervals import Block, align_up, largest_gap, place
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.graph import Graph, Operation, Tensor
from hadron_compiler.schedule.tiles import TilePlan, Tiler
from hadron_spec.config import NpuConfig

__all__ = ["Layout", "place_activations"]


@dataclass
class Layout:
    """Result of :func:`place_activations`.

    `addresses` holds the resident tensors; `lifetimes` all tensors that own bytes, as first and
    last layer. `plans` and `workspaces` belong to the layers; `peak` is the most scratchpad bytes
    in use at once.
    """

    addresses: dict[Tensor, int] = field(default_factory=dict)
    lifetimes: dict[Tensor, tuple[int, int]] = field(default_factory=dict)
    plans: list[TilePlan] = field(default_factory=list)
    workspaces: list[int] = field(default_factory=list)
    peak: int = 0


def _lifetimes(graph: Graph) -> dict[Tensor, tuple[int, int]]:
    lifetimes: dict[Tensor, tuple[int, int]] = {}
    for index, operation in enumerate(graph.operations):
        for tensor in [*operation.activations, *operation.outputs]:
            first, _ = lifetimes.get(tensor.storage, (index, index))
            lifetimes[tensor.storage] = (first, index)
    return lifetimes


def place_activations(graph: Graph, kernels: list[Kernel], config: NpuConfig) -> Layout:
    """Keep in the scratchpad what fits; stream the largest tensors where all do not.

    Raises
    ------
    CapacityError
        When the smallest tile of a layer does not fit the scratchpad.
    """
    layout = Layout(lifetimes=_lifetimes(graph))
    streamed = {tensor for tensor in layout.lifetimes if tensor.in_memory}
    whole = [Tiler(config, kernel, operation.label)
             for kernel, operation in zip(kernels, graph.operations, strict=True)]
    while True:
        tilers = [_streaming(tiler, operation, streamed)
                  for tiler, operation in zip(whole, graph.operations, strict=True)]
        minimums = [tiler.minimum(config.act_bytes) for tiler in tilers]
        residents = [tensor for tensor in layout.lifetimes if tensor not in streamed]
        blocks = [Block(tensor.size, *layout.lifetimes[tensor]) for tensor in residents]
        spaces = [Block(size, index, index) for index, size in enumerate(minimums) if size]
        placement = place(blocks + spaces)
        if placement.size <= config.act_bytes:
            break
        streamed.add(_victim(residents, blocks + spaces, placement.addresses, config, graph,
                             tilers))
    layout.addresses = dict(zip(residents, placement.addresses, strict=False))
    for index, tiler in enumerate(tilers):
        busy = [(address, address + align_up(tensor.size))
                for tensor, address in layout.addresses.items()
                if layout.lifetimes[tensor][0] <= index <= layout.lifetimes[tensor][1]]
        if tiler.needs_space:
            start, end = largest_gap(busy, config.act_bytes)
            plan = tiler.choose(end - start)
        else:
            start, plan = 0, tiler.resident()
        layout.plans.append(plan)
        layout.workspaces.append(start)
        used = sum(stop - begin for begin, stop in busy) + plan.workspace
        layout.peak = max(layout.peak, used)
    return layout


def _streaming(tiler: Tiler, operation: Operation, streamed: set[Tensor]) -> Tiler:
    sources = sum(tensor.storage in streamed for tensor in operation.activations
                  if not tensor.in_memory)
    return tiler.streaming(sources, operation.outputs[0] in streamed)


def _victim(residents: list[Tensor], blocks: list[Block], addresses: tuple[int, ...],
            config: NpuConfig, graph: Graph, tilers: list[Tiler]) -> Tensor:
    """Return the largest resident tensor that lives while the scratchpad overflows."""
    times = range(len(graph.operations))
    load = [sum(align_up(block.size) for block in blocks if block.first <= time <= block.last)
            for time in times]
    worst = max(times, key=lambda time: load[time])
    if load[worst] <= config.act_bytes:
        # Enough bytes in all, not in one piece: relieve the block that ended up highest.
        top = max(range(len(blocks)), key=lambda i: addresses[i] + blocks[i].size)
        worst = blocks[top].first
    live = [tensor for tensor, block in zip(residents, blocks, strict=False)
            if block.first <= worst <= block.last]
    if not live:
        raise CapacityError(
            f"{tilers[worst].name}: a tile needs {tilers[worst].minimum(config.act_bytes)} bytes "
            f"of scratchpad, configuration {config.name!r} has act_bytes={config.act_bytes}")
    return max(live, key=lambda tensor: tensor.size)
