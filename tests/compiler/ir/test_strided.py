"""Strides under another shape are those that NumPy finds."""

import numpy as np

from hadron_compiler.ir.strided import dense_strides, reshaped


def random_shape(rng: np.random.Generator, elements: int) -> tuple[int, ...]:
    shape = []
    while elements > 1 and len(shape) < 4:
        factors = [n for n in range(1, elements + 1) if elements % n == 0]
        shape.append(int(rng.choice(factors)))
        elements //= shape[-1]
    return (*shape, elements)


def test_reshaped_strides_find_every_element(rng: np.random.Generator) -> None:
    absent = 0
    for _ in range(500):
        shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 5)))
        larger = [n + int(rng.integers(0, 3)) for n in shape]
        owner = np.arange(np.prod(larger)).astype(np.int8).reshape(larger)
        view = owner[tuple(slice(0, n) for n in shape)]
        wanted = random_shape(rng, view.size)
        strides = reshaped(shape, view.strides, wanted)
        if strides is None:
            absent += 1
            assert not np.shares_memory(view.reshape(wanted), owner)
            continue
        index = sum(place * step for place, step in zip(np.indices(wanted), strides, strict=True))
        np.testing.assert_array_equal(owner.ravel()[index], view.reshape(wanted))
    assert 50 < absent < 450


def test_a_dense_tensor_has_strides_under_every_shape() -> None:
    assert dense_strides((2, 3, 4)) == (12, 4, 1)
    assert reshaped((2, 3, 4), (12, 4, 1), (4, 6)) == (6, 1)
    assert reshaped((2, 3, 4), (12, 4, 1), (1, 24, 1)) == (24, 1, 1)
