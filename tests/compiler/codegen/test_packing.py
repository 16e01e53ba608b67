"""Weight images hold parameters and packed weights as the specification lays them out."""

import numpy as np

from hadron_compiler.codegen.packing import pack_groups
from hadron_spec.commands import unpack_parameters
from hadron_spec.config import CONFIGS


def test_image_holds_parameters_and_packed_weights(rng: np.random.Generator) -> None:
    for config in CONFIGS.values():
        groups, steps, columns, lanes = 3, 4, config.columns, config.lanes
        weights = rng.integers(-127, 128, (groups, columns, steps, lanes)).astype(np.int8)
        bias = rng.integers(-(1 << 31), 1 << 31, (groups, columns))
        multiplier = rng.integers(1 << 30, 1 << 31, (groups, columns))
        shift = rng.integers(-31, 8, (groups, columns))
        image = np.frombuffer(pack_groups(config, weights, bias, multiplier, shift), np.uint8)
        image = image.reshape(groups, 1 + steps, columns, lanes)
        for group in range(groups):
            for column in range(columns):
                assert unpack_parameters(image[group, 0, column].tobytes()) == (
                    bias[group, column], multiplier[group, column], shift[group, column])
        stored = image[:, 1:].view(np.int8).astype(int)
        even, odd = weights[:, 0::2].astype(int), weights[:, 1::2].astype(int)
        np.testing.assert_array_equal(stored[:, :, 0::2].transpose(0, 2, 1, 3), even)
        np.testing.assert_array_equal(stored[:, :, 1::2].transpose(0, 2, 1, 3), odd - (even < 0))
