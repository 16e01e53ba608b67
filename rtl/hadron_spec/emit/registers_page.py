"""The register reference."""

from ..errors import ErrorCode
from ..registers import ID, REGISTER_SPACE_BYTES, REGISTERS, VERSION
from .docstrings import member_docstrings
from .markdown import NOTICE, bits, table

__all__ = ["registers_page"]


def registers_page() -> str:
    """Return the text of ``docs/reference/registers.md``."""
    version = ".".join(map(str, VERSION))
    lines = [
        "# Registers",
        "",
        NOTICE,
        "",
        f"Version {version} of the register map: {REGISTER_SPACE_BYTES} bytes on the AXI4-Lite "
        "port, 32-bit registers, reached by",
        "aligned 32-bit accesses. C names are in `firmware/include/hadron_registers.h`, a CMSIS "
        "description in",
        f"`firmware/hadron.svd`. `ID` reads `{ID:#010x}`.",
        "",
        "## Map",
        "",
        *table(("offset", "register", "access", "reset", "meaning"), (
            (f"`{r.offset:#05x}`", f"[{r.name}](#{r.name.lower()})" if r.fields else r.name,
             r.access.value, _reset(r.name, r.reset), r.doc)
            for r in REGISTERS)),
        "",
        "## Fields",
    ]
    for register in REGISTERS:
        if not register.fields:
            continue
        lines += ["", f"### {register.name}", "",
                  f"Offset `{register.offset:#05x}`, {register.access.value}. {register.doc}", ""]
        lines += table(("bits", "field", "meaning"), (
            (bits(f.lsb, f.width), f.name, f.doc) for f in register.fields))
    docstrings = member_docstrings(ErrorCode)
    lines += ["", "## Error codes", "",
              "`STATUS.ERROR_CODE` holds the first error since START; `ERROR_COMMAND` the index "
              "of the command it names.", ""]
    lines += table(("code", "name", "meaning"), (
        (str(code.value), code.name, docstrings.get(code.name, "")) for code in ErrorCode))
    return "\n".join(lines) + "\n"


def _reset(name: str, reset: int) -> str:
    return "configuration" if name.startswith("CONFIG") else f"`{reset:#x}`"
