"""Views at random, where the compiler would choose by cycles."""

from collections.abc import Callable

import numpy as np

from hadron_compiler.ir.graph import Graph
from hadron_compiler.passes.show_views import find_views
from hadron_compiler.schedule.view_choice import Variant, variants, with_views
from hadron_spec.config import NpuConfig

__all__ = ["random_views"]


def random_views(rng: np.random.Generator, seen: list[int]
                 ) -> Callable[[Graph, NpuConfig], list[Variant]]:
    """Return what may stand for `variants`: the network with views drawn from all that there can
    be.

    How many copies they save is added to `seen`.
    """
    def choose(graph: Graph, config: NpuConfig) -> list[Variant]:
        chance = float(rng.choice([0.5, 1.0]))
        views = [view for view in find_views(graph) if rng.random() < chance]
        shown = with_views(graph, views, config)
        if shown is None:
            return variants(graph, config)[-1:]
        seen.append(len(graph.operations) - len(shown.graph.operations))
        return [shown]

    return choose
