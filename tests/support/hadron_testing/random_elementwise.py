"""Random, legal models of one operator of two operands, with broadcasting."""

from collections.abc import Callable

import numpy as np

from hadron_testing.draws import activations, draw_scale, draw_zero_point
from hadron_testing.random_movement import draw_shape
from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["ELEMENTWISE"]

Made = tuple[ModelBuilder, list[Tensor], dict[str, object]]


def _operands(rng: np.random.Generator, builder: ModelBuilder, scales: tuple[float, float],
              zero_points: tuple[int, int], shape: tuple[int, ...]) -> list[Tensor]:
    """Make two operands whose shapes broadcast to `shape`; the second may be a constant."""
    shapes = [shape, shape]
    if rng.random() < 0.5:
        small = tuple(1 if rng.random() < 0.5 else n for n in shape)
        shapes[int(rng.integers(2))] = small
    made = [builder.input(shapes[0], scales[0], zero_points[0])]
    if rng.random() < 0.25:
        made.append(builder.constant(activations(rng, shapes[1]), scales[1], zero_points[1]))
    else:
        made.append(builder.input(shapes[1], scales[1], zero_points[1]))
    return made if rng.random() < 0.7 else made[::-1]


def _extremum(opcode: str) -> Callable[[np.random.Generator], Made]:
    def make(rng: np.random.Generator) -> Made:
        builder = ModelBuilder()
        scale, zero_point = draw_scale(rng), draw_zero_point(rng)
        operands = _operands(rng, builder, (scale, scale), (zero_point, zero_point),
                             draw_shape(rng, (1, 2, 3, 4)))
        shape = np.broadcast_shapes(*(operand.shape for operand in operands))
        y = builder.tensor(shape, scale, zero_point)
        builder.operator(opcode, operands, [y], "MaximumMinimum")
        return builder, [y], {}
    return make


ELEMENTWISE: dict[str, Callable[[np.random.Generator], Made]] = {
    "MAXIMUM": _extremum("MAXIMUM"),
}
