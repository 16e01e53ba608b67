"""``hadron supported-ops``: what the compiler takes, from its own checks."""

import textwrap

from hadron.atomic import write_json
from hadron.cli.options import Config, JsonFile, check_files, console
from hadron.models import DEFAULT_CONFIG, find_config
from hadron_compiler import supported_operators

__all__ = ["supported_ops"]

_COLUMNS = 96


def supported_ops(config: Config = None, json_file: JsonFile = None) -> None:
    """List the supported operators with their limits."""
    sizes = find_config(config or DEFAULT_CONFIG)
    check_files(json_file)
    operators = supported_operators()
    width = max(map(len, operators)) + 2
    terminal = console()
    for name, text in operators.items():
        lines = textwrap.wrap(text, _COLUMNS - width)
        terminal.print(f"{name:<{width}}" + f"\n{'':<{width}}".join(lines))
    terminal.print(f"Tensors are INT8 with fixed shapes of up to 6 dimensions.\n{sizes.name} has "
                   f"{sizes.act_bytes:,} bytes for activations and {sizes.weight_bytes:,} for "
                   f"weights; what is larger runs in tiles. A row of SOFTMAX has at most "
                   f"{sizes.softmax_row:,} elements.")
    if json_file is not None:
        write_json(json_file, {
            "config": sizes.name, "act_bytes": sizes.act_bytes, "weight_bytes": sizes.weight_bytes,
            "softmax_row": sizes.softmax_row, "operators": operators})
