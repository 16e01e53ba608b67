"""Write the generated files, or check that the committed ones are current."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import OUTPUTS

__all__ = ["main", "stale"]

PROJECT = Path(__file__).resolve().parents[3]


def stale(root: Path) -> list[str]:
    """Return which outputs below `root` are missing or differ from the specification."""
    wrong = []
    for name, emit in OUTPUTS.items():
        path = root / name
        if not path.is_file() or path.read_text(encoding="utf-8") != emit():
            wrong.append(name)
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status, 1 when ``--check`` finds a stale file."""
    parser = argparse.ArgumentParser(prog="python -m hadron_spec.emit", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, name stale files")
    parser.add_argument("--root", type=Path, default=PROJECT, metavar="DIR",
                        help="where the outputs are written (default: the source tree)")
    options = parser.parse_args(arguments)
    wrong = stale(options.root)
    if options.check:
        for name in wrong:
            print(f"stale: {name} (run python -m hadron_spec.emit)")
        return 1 if wrong else 0
    for name in wrong:
        path = options.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(OUTPUTS[name](), encoding="utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
