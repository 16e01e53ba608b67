"""The network with its copies, and with views instead: which is faster, the cycle model tells."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.lowering import ViewsError, lower
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.graph import Graph, Operation, Tensor
from hadron_compiler.passes.show_views import View, find_views, show_views
from hadron_compiler.schedule.estimate import layer_cost
from hadron_compiler.schedule.fusion import crowded_tensors
from hadron_compiler.schedule.gaps import lay_out_inputs
from hadron_compiler.schedule.tiles import Tiler
from hadron_spec.config import NpuConfig

__all__ = ["Variant", "tilers_of", "variants", "with_views"]


@dataclass(frozen=True)
class Variant:
    """A graph, the tilers of its operations, and of its tensors that are views which."""

    graph: Graph
    tilers: tuple[Tiler, ...]
    views: dict[Tensor, View]


def variants(graph: Graph, config: NpuConfig) -> list[Variant]:
    """Return what is worth drafting: the graph with the views that pay, with those of them whose
    owners fit the scratchpad for certain, and as it is.

    Where tensors go to memory, a view may cost more than its copy: its rows are moved in pieces,
    or keep a chain from forming.
    """
    plain = _variant(graph, {}, config)
    shown = with_views(graph, find_views(graph), config)
    if shown is not None:
        paying = _paying(plain, shown, config)
        if len(paying) < len(shown.views):
            shown = with_views(graph, paying, config)
    if shown is None:
        return [plain]
    crowded = crowded_tensors(shown.graph, config)
    roomy = [view for tensor, view in shown.views.items() if tensor.storage not in crowded]
    some = with_views(graph, roomy, config) if len(roomy) < len(shown.views) else None
    return [shown, plain] if some is None else [shown, some, plain]


def tilers_of(graph: Graph, kernels: Sequence[Kernel], config: NpuConfig) -> tuple[Tiler, ...]:
    """Return what tiles each of the kernels of a graph."""
    return tuple(Tiler(config, kernel, operation.label)
                 for kernel, operation in zip(kernels, graph.operations, strict=True))


def _variant(graph: Graph, views: dict[Tensor, View], config: NpuConfig) -> Variant:
    kernels = lower(graph, config)
    lay_out_inputs(graph, kernels, config)
    return Variant(graph, tilers_of(graph, kernels, config), views)


def with_views(graph: Graph, views: Sequence[View], config: NpuConfig) -> Variant | None:
    """Return the graph with as many of these views as kernels take; None where they take none."""
    while views:
        shown, of_clones = show_views(graph, views)
        if not of_clones:
            return None
        try:
            return _variant(shown, of_clones, config)
        except ViewsError as error:
            refused = {of_clones[_view(tensor)] for tensor in error.tensors}
            views = [view for view in views if view not in refused]
    return None


def _paying(plain: Variant, shown: Variant, config: NpuConfig) -> list[View]:
    """Return the views that cost the layers that read and write them less than the copy takes."""
    costs = {id(operation): tiler for operation, tiler in
             zip(plain.graph.operations, plain.tilers, strict=True)}
    gained: dict[View, float] = defaultdict(float)
    for view in shown.views.values():
        gained[view] += _cycles(costs[id(view.operation)], config)
    copies = {id(view.operation) for view in shown.views.values()}
    kept = [operation for operation in plain.graph.operations if id(operation) not in copies]
    for before, operation, tiler in zip(kept, shown.graph.operations, shown.tilers, strict=True):
        views = {shown.views[_view(tensor)] for tensor in _tensors(operation) if tensor.is_view}
        if views:
            lost = _cycles(tiler, config) - _cycles(costs[id(before)], config)
            for view in views:
                gained[view] -= lost / len(views)
    return [view for view, cycles in gained.items() if cycles >= 0]


def _cycles(tiler: Tiler, config: NpuConfig) -> float:
    """Return the cycles of a layer whose tensors are all in the scratchpad."""
    try:
        return layer_cost(tiler, tiler.resident(), config).cycles
    except CapacityError:
        return 0.0


def _tensors(operation: Operation) -> list[Tensor]:
    return [*operation.activations, *operation.outputs]


def _view(tensor: Tensor) -> Tensor:
    """Return the view that a tensor is, or is an alias of."""
    while tensor.strides is None and tensor.root is not None:
        tensor = tensor.root
    return tensor
