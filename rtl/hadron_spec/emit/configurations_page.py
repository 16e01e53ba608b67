"""The reference of the ready-made configurations."""

from dataclasses import fields

from ..config import CONFIGS, NpuConfig
from .markdown import NOTICE, table

__all__ = ["configurations_page"]


def configurations_page() -> str:
    """Return the text of ``docs/reference/configurations.md``."""
    configs = tuple(CONFIGS.values())
    names = [field.name for field in fields(NpuConfig) if field.name != "name"]
    rows = [(f"`{name}`", *(str(getattr(config, name)) for config in configs)) for name in names]
    rows.append(("INT8 multiply-accumulates a cycle",
                 *(str(config.macs_per_cycle) for config in configs)))
    rows.append(("weight memory, bytes", *(str(config.weight_bytes) for config in configs)))
    lines = [
        "# Configurations",
        "",
        NOTICE,
        "",
        "Every command and class takes a configuration by name, or the path of a TOML file with "
        "these fields (`name` is",
        "optional). `hadron_spec.config.NpuConfig` documents their units and ranges.",
        "",
        *table(("field", *(config.name for config in configs)), rows),
    ]
    return "\n".join(lines) + "\n"
