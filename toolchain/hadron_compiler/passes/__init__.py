"""Rewrites of the graph: each a module with ``run(graph) -> graph``, verified after each."""

from hadron_compiler.ir.graph import Graph
from hadron_compiler.ir.verify import verify
from hadron_compiler.passes import (
    alias_identities,
    alias_reshapes,
    compose_tables,
    enlarge_weights,
    find_positive,
    fold_pads,
    merge_moves,
    merge_parts,
    remove_dead_operations,
    silence_channels,
    split_activations,
    split_concatenations,
    tabulate_functions,
)

__all__ = ["PASSES", "run_passes"]

PASSES = (alias_reshapes.run, split_activations.run, merge_parts.run, merge_moves.run,
          split_concatenations.run, fold_pads.run, tabulate_functions.run, compose_tables.run,
          alias_identities.run, remove_dead_operations.run, find_positive.run, silence_channels.run,
          enlarge_weights.run)


def run_passes(graph: Graph) -> Graph:
    """Apply all passes in order, with the verifier between them."""
    verify(graph)
    for run in PASSES:
        graph = verify(run(graph))
    return graph
