"""What integers each operator reads and writes.

A *node* is a tensor of real numbers in integers of 8 or 16 bits: the operator that makes it writes
one, and what reads it in other bits reads a copy. Nodes that one operator wants on one grid are a
group, whose grid covers what samples and constants of all of them hold.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hadron.quantize.report import LayerBits, Precision
from hadron.quantize.tflite_file import TfliteFile
from hadron.quantize.tflite_ranges import Range
from hadron.quantize.tflite_rules import CLAMPS, FIXED, QUANTIZED, SAME, WEIGHTS, Grid, has_deep

__all__ = ["Node", "Plan", "make_plan"]

Node = tuple[int, int]
"""A tensor's place, and bits of its integers."""


@dataclass
class Plan:
    """Bits of operators and grids of nodes.

    Parameters
    ----------
    file : TfliteFile
        The model.
    precisions : list of Precision or None
        Of each operator; None where it keeps real numbers.
    grids : dict of Node to Grid
        Of what is read or written; of constants only those that share a grid with others.
    made_as : dict of Node to Grid
        Nodes that are made on another grid than they are read on.
    notes : list of str
        What was asked for and is not done.
    """

    file: TfliteFile
    precisions: list[Precision | None]
    grids: dict[Node, Grid] = field(default_factory=dict)
    made_as: dict[Node, Grid] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def operators(self) -> Iterator[tuple[Any, str, Precision | None]]:
        """Yield each operator with its kind and its precision."""
        for operator, precision in zip(self.file.graph.operators, self.precisions, strict=True):
            yield operator, self.file.kind(operator), precision

    def real_inputs(self, operator: Any, kind: str) -> list[int]:
        """Return the tensors of real numbers that an operator reads, but for weights and bias."""
        weights = WEIGHTS[kind][1:] if kind in WEIGHTS else ()
        return [place for number, place in enumerate(operator.inputs)
                if place != -1 and number not in weights and self.is_real(place)]

    def real_outputs(self, operator: Any) -> list[int]:
        """Return the tensors of real numbers that an operator writes."""
        return [place for place in operator.outputs if self.is_real(place)]

    def is_real(self, place: int) -> bool:
        """Tell whether a tensor holds real numbers."""
        return self.file.dtype(place) == "FLOAT32"


def make_plan(file: TfliteFile, ranges: dict[int, Range], precision: Precision,
              layers: Sequence[LayerBits]) -> Plan:
    """Choose the bits of each operator and the grid of each node."""
    plan = Plan(file, [])
    unused = list(layers)
    for number, operator in enumerate(file.graph.operators):
        names = [file.name(place) for place in operator.outputs]
        asked = [one for one in layers if any(one.pattern.search(name) for name in names)]
        unused = [one for one in unused if one not in asked]
        wanted = asked[-1].precision if asked else precision
        plan.precisions.append(_precision(plan, number, wanted))
    plan.notes += [f"--layer {one.pattern.pattern}: no operator writes a tensor of that name"
                   for one in unused]
    _choose_grids(plan, ranges)
    return plan


def _precision(plan: Plan, number: int, asked: Precision) -> Precision | None:
    file, operator = plan.file, plan.file.graph.operators[number]
    kind = file.kind(operator)
    label = f"{kind} #{number}"
    if not plan.real_inputs(operator, kind) and not plan.real_outputs(operator):
        return None
    if kind not in QUANTIZED:
        plan.notes.append(f"{label} keeps real numbers: it has no integers")
        return None
    if kind in WEIGHTS:
        for input_number in WEIGHTS[kind][1:]:
            place = operator.inputs[input_number] if input_number < len(operator.inputs) else -1
            if place != -1 and place not in file.constants:
                plan.notes.append(f"{label} keeps real numbers: tensor {file.name(place)} is no "
                                  "constant")
                return None
    if asked.activations == 16 and not has_deep(kind):
        plan.notes.append(f"{label} has no activations of 16 bits: it keeps 8")
        return Precision(asked.weights, 8)
    return asked


def _choose_grids(plan: Plan, ranges: dict[int, Range]) -> None:
    groups = _Groups()
    fixed: dict[Node, Grid] = {}
    makers: dict[Node, str | None] = {}
    shallow: set[Node] = set()
    for operator, kind, precision in plan.operators():
        # Copies in other bits, and of real numbers, end with no clamp.
        makers |= {(place, bits): "" for place in plan.real_outputs(operator) for bits in (8, 16)}
        if precision is None:
            continue
        bits = precision.integer_bits
        reads = [(place, bits) for place in plan.real_inputs(operator, kind)]
        writes = [(place, bits) for place in plan.real_outputs(operator)]
        shared = kind in SAME
        for node in (*reads, *writes):
            if shared or node[0] not in plan.file.constants:
                groups.add(node)
        if shared:
            groups.join([*reads, *writes])
        makers |= dict.fromkeys(writes, None if shared else _clamp(plan, operator, kind))
        if kind in FIXED:
            fixed |= dict.fromkeys(writes, FIXED[kind][bits])
        if precision.activations == 4 and kind in WEIGHTS:
            shallow.update(reads)
    for group in groups:
        grid = _covering(plan, group, ranges, makers, fixed)
        if shallow & set(group) and _is_clamped(plan, group, makers):
            grid = Grid.levels(grid.range[1])
        for node in group:
            plan.grids[node] = grid
            if fixed.get(node, grid) != grid:
                plan.made_as[node] = fixed[node]
    _note_shallow(plan, shallow)


def _covering(plan: Plan, group: Sequence[Node], ranges: dict[int, Range],
              makers: dict[Node, str | None], fixed: dict[Node, Grid]) -> Grid:
    bits = group[0][1]
    low, high = 0.0, 0.0
    for place, _ in group:
        if (constant := plan.file.constants.get(place)) is not None:
            seen = (float(constant.min(initial=0)), float(constant.max(initial=0)))
        else:
            seen = ranges.get(place, (0.0, 0.0))
        low, high = min(low, seen[0]), max(high, seen[1])
    for grid in {fixed[node] for node in group if node in fixed}:
        slack = 2 * grid.scale  # the last number of a grid may be a step below 1
        if grid.range[0] <= low and high <= grid.range[1] + slack:
            return grid
    # Of 16 bits, the hardware takes no bound inside the grid but zero.
    ends = [CLAMPS[clamp] for node in group if (clamp := makers.get(node))]
    if bits == 16:
        high = max(high, *filter(math.isfinite, ends), 0.0)
    return Grid.covering(low, high, bits)


def _clamp(plan: Plan, operator: Any, kind: str) -> str:
    """Return the clamp that an operator ends with, or is."""
    if kind in CLAMPS:
        return kind
    value = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
    names = plan.file.schema.ActivationFunctionType
    return next((name for name in CLAMPS if getattr(names, name) == value), "")


def _is_clamped(plan: Plan, group: Sequence[Node], makers: dict[Node, str | None]) -> bool:
    """Tell whether nothing in a group lies below zero, by the operators that make it."""
    return group[0][1] == 8 and all(makers.get(node, "") in (None, "RELU", "RELU6")
                                    for node in group)


def _note_shallow(plan: Plan, shallow: set[Node]) -> None:
    levels = Grid.levels(1).zero_point
    wide = sorted(node for node in shallow if plan.grids[node].zero_point != levels)
    plan.notes += [f"tensor {plan.file.name(place)} keeps 8 bits: no RELU makes it"
                   for place, _ in wide]


class _Groups:
    """Sets of nodes that share a grid: union and find."""

    def __init__(self) -> None:
        self._parents: dict[Node, Node] = {}

    def add(self, node: Node) -> None:
        self._parents.setdefault(node, node)

    def join(self, nodes: Sequence[Node]) -> None:
        for node in nodes[1:]:
            self._parents[self._find(node)] = self._find(nodes[0])

    def _find(self, node: Node) -> Node:
        while (parent := self._parents[node]) != node:
            node = parent
        return node

    def __iter__(self) -> Iterator[list[Node]]:
        groups: dict[Node, list[Node]] = {}
        for node in self._parents:
            groups.setdefault(self._find(node), []).append(node)
        return iter(groups.values())
