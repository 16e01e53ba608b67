"""EXECUTE commands at random."""

import math

from hadron_spec.commands import FIELDS, LEVELS, Opcode, Unit, pack_parameters, unit_of
from hadron_spec.numerics import quantize_multiplier, softmax_table
from hadron_testing.execute_operators import (
    SOURCE,
    command,
    random_clamp,
    random_parameters,
    random_weights,
)
from hadron_testing.execute_reference import walk

__all__ = ["random_command", "random_defined_command"]

_EXECUTE = [opcode for opcode in Opcode if unit_of(opcode) == Unit.EXECUTE]


def random_command(rng, config):
    """Any fields the decoder lets pass, with counts that keep it short."""
    opcode = Opcode(int(rng.choice(_EXECUTE)))
    fields = {}
    for name, field in FIELDS[opcode].items():
        fields[name] = int(rng.integers(field.minimum, field.maximum + 1))
    for level in LEVELS:
        fields[f"count_{level}"] = int(rng.integers(1, 4))
    if opcode == Opcode.LOOKUP:
        fields["count_kg"] = 1
    if opcode == Opcode.DEPTHWISE:
        fields |= {"count_ox": int(rng.integers(3, 6)), "count_kx": int(rng.integers(5, 17)),
                   "count_ky": 1, "count_seg": 1}
        if fields["tall"]:
            fields |= {"count_ox": int(rng.integers(5, 8)), "count_kx": int(rng.integers(6, 17))}
    else:
        fields["tall"] = 0
    for name in ("outputs", "last_outputs"):
        fields[name] = int(rng.integers(
            name == "outputs", config.columns // (1 + fields["tall"]) + 1))
    for name in ("continues", "uniform"):
        fields[name] = int(opcode == Opcode.MATRIX and rng.integers(2))
    for name in ("height", "width_bytes"):
        fields[name] = int(rng.integers(0, 32768))
    return fields | {"opcode": int(opcode)}


def _random_tables(rng, config, parameter_step, wide):
    """Fill the whole weight memory with tables, but for one step of parameters."""
    bits = 26 if wide else 16
    entries = rng.integers(-1 << bits, 1 << bits, config.weight_steps * config.lanes // 4)
    data = bytearray(entries.astype("<i4").tobytes())
    multiplier, shift = quantize_multiplier(float(2.0 ** (7 - bits) * rng.uniform(0.5, 2)))
    parameters = pack_parameters(int(rng.integers(-100, 100)), multiplier, shift)
    start = parameter_step * config.lanes
    data[start:start + len(parameters)] = parameters
    return bytes(data)


def random_defined_command(rng, config):
    """Loops and bounds at random, as far as the architecture defines the result.

    Sources stay around the filled region, destinations away from it.
    """
    opcode = Opcode(int(rng.choice([o for o in _EXECUTE if o != Opcode.DEPTHWISE])))
    fields = command(opcode, **random_clamp(rng))
    for level in LEVELS:
        fields[f"count_{level}"] = int(rng.integers(1, 4))
        fields[f"{level}_address"] = int(rng.integers(-20, 30))
        fields[f"{level}_y"] = int(rng.integers(-2, 3))
        fields[f"{level}_x"] = int(rng.integers(-20, 20))
        if level in LEVELS[:3]:
            fields[f"destination_{level}"] = int(rng.integers(-40, 40))
    if opcode == Opcode.MATRIX:
        fields["uniform"] = int(rng.integers(2))
    if opcode in (Opcode.LOOKUP, Opcode.SOFTMAX):
        fields |= {f"count_{level}": 1 for level in LEVELS[3:]}
    if opcode == Opcode.LOOKUP:
        fields |= {f"count_{rng.choice(LEVELS[3:])}": 2, "count_kg": 1}
    if opcode == Opcode.SOFTMAX:
        fields |= {"zero_point": -128, "minimum": -128, "maximum": 127, "bounded": 0}
    else:
        fields |= {"bounded": int(rng.integers(2)), "height": int(rng.integers(0, 6)),
                   "width_bytes": int(rng.integers(0, 60)), "pad": int(rng.integers(-128, 128))}
    fields |= {"start_y": int(rng.integers(-3, 4)), "start_x": int(rng.integers(-20, 20)),
               "source": SOURCE + 140 - (1 << 23) * int(rng.integers(2)),
               "outputs": int(rng.integers(1, config.columns + 1)),
               "last_outputs": int(rng.integers(1, config.columns + 1)),
               "weight_step": int(rng.integers(config.weight_steps)),
               "least": int(rng.integers(2)),
               "wide": int(rng.integers(2)) if opcode in (Opcode.MATRIX, Opcode.LOOKUP) else 0}
    if config.row_pairs:
        fields |= {"split": int(rng.integers(32)), "split_later": int(rng.integers(32)),
                   "plane_address": int(rng.integers(-50, 50))}
    if config.deep:
        fields |= {"deep": int(opcode == Opcode.MATRIX and rng.integers(4) > 0),
                   "deep_results": int(opcode in (Opcode.MATRIX, Opcode.LOOKUP)
                                       and rng.integers(4) > 0),
                   "once": int(rng.integers(2)), "plane_address": int(rng.integers(-60, 60)),
                   "destination_px": int(rng.integers(-60, 60))}
        fields["wide"] |= fields["deep_results"]
    if config.shallow and opcode == Opcode.MATRIX and not fields["deep"] + fields["deep_results"]:
        fields |= {"shallow": int(rng.integers(4) > 0), "once": 1,
                   "destination_px": int(rng.integers(-60, 60))}
    # No step of the weight memory may be read both as parameters and as weights.
    while fields["count_kg"] * (1 + math.prod(
            fields[f"count_{level}"] for level in LEVELS[3:])) > config.weight_steps:
        fields[f"count_{rng.choice(['kg', *LEVELS[3:]])}"] = 1
    table = softmax_table(float(rng.uniform(0.01, 0.5))) if opcode == Opcode.SOFTMAX else None
    if opcode == Opcode.LOOKUP:
        return fields, _random_tables(rng, config, fields["weight_step"], fields["wide"]), table
    weights = [random_weights(rng, config, shallow=bool(fields["shallow"]))
               for _ in range(config.weight_steps)]
    for step in walk(fields):
        if step.parameters:
            data = random_parameters(rng, config, scale=0.01)
            weights[step.weight_step % config.weight_steps] = data
    return fields, b"".join(weights), table
