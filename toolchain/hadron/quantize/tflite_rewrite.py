"""Give a network the integers of a plan: tensors, weights, and operators between grids."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hadron.quantize.report import Precision
from hadron.quantize.tflite_file import Array, TfliteFile
from hadron.quantize.tflite_plan import Node, Plan
from hadron.quantize.tflite_rules import CLAMPS, SAME, WEIGHTS, Grid, has_nibbles
from hadron_compiler.ir.graph import OpKind
from hadron_compiler.ir.weights import CHANNEL_AXES, along_axis
from hadron_spec.numerics import ACC_BITS

__all__ = ["fuse_activations", "rewrite"]

_FUSING = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL")


def fuse_activations(file: TfliteFile) -> None:
    """Make a clamp part of the operator whose result it alone reads."""
    graph = file.graph
    readers = Counter(place for operator in graph.operators for place in operator.inputs)
    readers.update(graph.outputs)
    makers = {place: operator for operator in graph.operators for place in operator.outputs}
    kept = []
    for operator in graph.operators:
        kind = file.kind(operator)
        maker = makers.get(operator.inputs[0]) if kind in CLAMPS else None
        if (maker is None or file.kind(maker) not in _FUSING or readers[operator.inputs[0]] != 1
                or maker.builtinOptions is None
                or maker.builtinOptions.fusedActivationFunction):
            kept.append(operator)
            continue
        maker.builtinOptions.fusedActivationFunction = getattr(
            file.schema.ActivationFunctionType, kind)
        maker.outputs = operator.outputs
    graph.operators = kept


def rewrite(plan: Plan) -> None:
    """Rewrite the plan's file."""
    _Rewriting(plan).run()


@dataclass
class _Rewriting:
    """The operators so far, and the tensors that hold what the file's hold.

    `bits` are those that a tensor is made in, none if it is made of real numbers; `integers` and
    `reals` are the tensors that stand for it.
    """

    plan: Plan
    operators: list[Any] = field(default_factory=list)
    bits: dict[int, int] = field(default_factory=dict)
    integers: dict[Node, int] = field(default_factory=dict)
    reals: dict[int, int] = field(default_factory=dict)

    @property
    def file(self) -> TfliteFile:
        return self.plan.file

    def run(self) -> None:
        graph = self.file.graph
        inputs = graph.inputs
        graph.inputs = [self._input(place) for place in inputs]
        renamed = dict(zip(inputs, graph.inputs, strict=True))
        for operator, kind, precision in self.plan.operators():
            if precision is None:
                operator.inputs = [self._real(place) for place in operator.inputs]
                self.operators.append(operator)
            else:
                self._quantize(operator, kind, precision)
        outputs = graph.outputs
        graph.outputs = [self._made(place) for place in outputs]
        renamed |= dict(zip(outputs, graph.outputs, strict=True))
        graph.operators = self.operators
        for signature in self.file.tree.signatureDefs or ():
            for entry in (*signature.inputs, *signature.outputs):
                entry.tensorIndex = renamed.get(int(entry.tensorIndex), entry.tensorIndex)

    def _input(self, place: int) -> int:
        widths = [bits for bits in (8, 16) if (place, bits) in self.plan.grids]
        if not widths:
            return place
        self.bits[place] = widths[0]
        node = (place, widths[0])
        self.integers[node] = self._tensor(place, self.plan.grids[node])
        return self.integers[node]

    def _quantize(self, operator: Any, kind: str, precision: Precision) -> None:
        bits = precision.integer_bits
        constants = self.file.constants
        reads = self.plan.real_inputs(operator, kind)
        writes = self.plan.real_outputs(operator)
        inputs = list(operator.inputs)
        for number, place in enumerate(inputs):
            if place not in reads:
                continue
            if place not in constants:
                inputs[number] = self._read((place, bits))
            elif kind in SAME:
                inputs[number] = self._constant(place, self.plan.grids[place, bits])
            else:
                inputs[number] = self._constant(place, _own_grid(constants[place], kind, bits))
        if kind in WEIGHTS:
            grid = self.plan.grids[operator.inputs[WEIGHTS[kind].data], bits]
            self._quantize_weights(operator, inputs, kind, precision, grid)
        behind = []
        outputs = list(operator.outputs)
        for number, place in enumerate(outputs):
            if place not in writes:
                continue
            node = (place, bits)
            self.bits[place] = bits
            made = self.plan.made_as.get(node)
            self.integers[node] = outputs[number] = self._tensor(
                place, made or self.plan.grids[node])
            if made is not None:
                self.integers[node] = self._tensor(place, self.plan.grids[node], " (rescaled)")
                behind.append(self.file.new_operator("QUANTIZE", [outputs[number]],
                                                     [self.integers[node]]))
        operator.inputs, operator.outputs = inputs, outputs
        self.operators += [operator, *behind]

    def _read(self, node: Node) -> int:
        """Return the tensor of a node; it is copied from what there is first."""
        if node not in self.integers:
            place = node[0]
            suffix = f" ({node[1]} bits)" if place in self.bits else " (quantized)"
            self.integers[node] = self._tensor(place, self.plan.grids[node], suffix)
            self.operators.append(self.file.new_operator(
                "QUANTIZE", [self._made(place)], [self.integers[node]]))
        return self.integers[node]

    def _made(self, place: int) -> int:
        return self.integers[place, self.bits[place]] if place in self.bits else place

    def _real(self, place: int) -> int:
        """Return the tensor of real numbers that stands for one of the file."""
        if place not in self.bits:
            return place
        if place not in self.reals:
            self.reals[place] = self.file.add_tensor(f"{self.file.name(place)} (real)",
                                                     self.file.shape(place), "FLOAT32")
            self.operators.append(self.file.new_operator("DEQUANTIZE", [self._made(place)],
                                                         [self.reals[place]]))
        return self.reals[place]

    def _tensor(self, place: int, grid: Grid, suffix: str = "") -> int:
        return self.file.add_tensor(self.file.name(place) + suffix, self.file.shape(place),
                                    f"INT{grid.bits}", [grid.scale], [grid.zero_point])

    def _constant(self, place: int, grid: Grid) -> int:
        ends = np.iinfo(f"int{grid.bits}")
        values = np.rint(self.file.constants[place] / grid.scale) + grid.zero_point
        return self.file.add_tensor(
            self.file.name(place), values.shape, f"INT{grid.bits}", [grid.scale],
            [grid.zero_point], data=np.clip(values, ends.min, ends.max).astype(ends.dtype))

    def _quantize_weights(self, operator: Any, inputs: list[int], kind: str,
                          precision: Precision, grid: Grid) -> None:
        _, weights_input, bias_input = WEIGHTS[kind]
        axis = CHANNEL_AXES[OpKind(kind)]
        place = operator.inputs[weights_input]
        bits = precision.weights if has_nibbles(kind) else 8
        bias_place = operator.inputs[bias_input] if bias_input < len(operator.inputs) else -1
        weights = self.file.constants[place].astype(np.float64)
        bias = None if bias_place == -1 else self.file.constants[bias_place].astype(np.float64)
        scales = _weight_scales(weights, bias, axis, bits, grid)
        values = np.rint(weights / along_axis(scales, axis, weights.ndim))
        inputs[weights_input] = self.file.add_tensor(
            self.file.name(place), weights.shape, f"INT{bits}", scales, [0] * len(scales),
            axis=axis, data=values.astype(np.int8))
        if bias is not None:
            scales = scales * np.float32(grid.scale)
            wide = grid.bits == 16
            inputs[bias_input] = self.file.add_tensor(
                self.file.name(bias_place), bias.shape, "INT64" if wide else "INT32", scales,
                [0] * len(scales),
                data=np.rint(bias / scales).astype(np.int64 if wide else np.int32))


def _own_grid(values: Array, kind: str, bits: int) -> Grid:
    """Return the grid of a constant that shares none; the array multiplies best by matrices with
    their zero point in the middle."""
    if kind == "BATCH_MATMUL":
        return Grid(float(np.abs(values).max(initial=0)) / 127 or 1.0, 0, bits)
    return Grid.covering(float(values.min(initial=0)), float(values.max(initial=0)), bits)


def _weight_scales(weights: Array, bias: Array | None, axis: int, bits: int, grid: Grid) -> Array:
    """Return a scale a channel: the finest at which weights have so many bits and no sum leaves an
    accumulator.

    The latter counts for channels that training has switched off, whose bias is large for such
    small weights, and for long sums of 16-bit activations.
    """
    flat = np.abs(np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1))
    scales = flat.max(1, initial=0) / ((1 << (bits - 1)) - 1)
    # A reader's integer less its zero point, of either sign.
    span = (1 << (grid.bits - (grid.bits == 16))) - (grid.bits == 8)
    reach = flat.sum(1) * span
    if bias is not None:
        reach += np.abs(bias) / grid.scale
    room = (1 << (ACC_BITS - 1)) - 1 - span * flat.shape[1] / 2  # each weight is rounded
    scales = np.maximum(scales, reach / max(room, 1 << (ACC_BITS - 2)))
    scales[scales == 0] = scales.max(initial=0) or 1.0
    # As the file holds them, rounded up: what they make of the largest weight is not larger then.
    stored: Array = scales.astype(np.float32)
    stored = np.where(stored < scales, np.nextafter(stored, np.float32(np.inf)), stored)
    return stored.astype(np.float64)
