"""``hadron doctor``: is everything there?"""

from hadron.atomic import write_json
from hadron.cli.options import Config, JsonFile, check_files, console
from hadron.doctor import examine
from hadron.errors import CheckFailedError
from hadron.models import find_config

__all__ = ["doctor"]


def doctor(config: Config = None, json_file: JsonFile = None) -> None:
    """Say what is installed, what is missing and how to install it."""
    check_files(json_file)
    checks = examine(None if config is None else find_config(config))
    terminal = console()
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark = "ok" if check.ok else "missing" if check.required else "absent"
        remedy = f": {check.remedy}" if check.remedy else ""
        terminal.print(f"{mark:<8} {check.name:<{width}} {check.detail}{remedy}")
    missing = [check.name for check in checks if check.required and not check.ok]
    if json_file is not None:
        write_json(json_file, {"ok": not missing, "checks": [check.to_json() for check in checks]})
    if missing:
        raise CheckFailedError(f"missing: {', '.join(missing)}")
