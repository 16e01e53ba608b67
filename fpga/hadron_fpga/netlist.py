"""A netlist in Yosys's JSON, between synthesis and placement."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["edited_netlist"]


@contextmanager
def edited_netlist(file: Path) -> Iterator[dict[str, Any]]:
    """Give what a file holds, flattened, to be changed in place; write it back afterwards."""
    design = json.loads(file.read_text(encoding="utf-8"))
    yield design
    file.write_text(json.dumps(design), encoding="utf-8")
