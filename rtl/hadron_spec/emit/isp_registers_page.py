"""The reference of the ISP's registers and tables."""

import inspect
import re
import textwrap

from ..isp.fields import StageSettings
from ..isp.registers import ISP_BASE, ISP_ID, ISP_REGISTERS, ISP_SPACE_BYTES, TABLES
from ..isp.settings import STAGES
from ..isp.statistics import WORDS
from .markdown import NOTICE, bits, table

__all__ = ["isp_registers_page"]


def isp_registers_page() -> str:
    """Return the text of ``docs/reference/isp_registers.md``."""
    lines = [
        "# ISP registers",
        "",
        NOTICE,
        "",
        f"{ISP_SPACE_BYTES} bytes at `{ISP_BASE:#06x}` of the AXI4-Lite port; offsets below count "
        "from there. 32-bit registers,",
        f"aligned 32-bit accesses. C names are in `firmware/include/hadron_isp_registers.h`. `ID` "
        f"reads `{ISP_ID:#010x}`.",
        "",
        "Settings (from `0x100` on) and tables are a shadow copy: a frame uses what `COMMIT` took "
        "over before it began.",
        "U4.12 is unsigned with 4 integer and 12 fraction bits; S4.10 is two's complement, the "
        "sign among the 4.",
        "",
        "## Map",
        "",
        *table(("offset", "register", "access", "reset", "meaning"), (
            (f"`{r.offset:#05x}`", r.name, r.access.value,
             "configuration" if r.name.startswith(("CONFIG", "CROP", "SHADING_STEP"))
             else f"`{r.reset:#x}`", r.doc)
            for r in ISP_REGISTERS)),
        "",
        "## Fields",
        "",
        *table(("register", "bits", "field", "meaning"), (
            (r.name, bits(f.lsb, f.width), f.name, f.doc)
            for r in ISP_REGISTERS for f in r.fields)),
        "",
        "## Stages",
        "",
        *table(("stage", "number", "what it does"), (
            (f"`{name}`", str(i), _paragraphs(group)[0])
            for i, (name, group) in enumerate(STAGES.items()))),
        *(line for name, group in STAGES.items() for line in _details(name, group)),
        "",
        "## Tables",
        "",
        "The address of element (i, j, ...) is the sum of the indices times the strides.",
        "",
        *table(("number", "table", "size", "strides", "value", "meaning"), (
            (str(t.number), f"`{t.name}`", " x ".join(map(str, t.known.shape)),
             ", ".join(map(str, t.known.strides)), f"{t.known.bits} bits, {t.known.format}",
             t.known.doc) for t in TABLES)),
        "",
        "## Statistics",
        "",
        "Words behind `STATISTICS_ADDRESS` and `STATISTICS_DATA`: those of the last good frame, "
        "whose number is",
        "`STATISTICS_INDEX`. They change when the next one has left: read the index before and "
        "after.",
        "",
        *table(("words", "name", "meaning"), (
            (f"`{w.index:#05x}`" + (f" to `{w.index + w.count - 1:#05x}`" if w.count > 1 else ""),
             w.name, w.doc) for w in WORDS)),
    ]
    return "\n".join(lines) + "\n"


def _paragraphs(group: type[StageSettings]) -> list[str]:
    """Return the paragraphs of a stage's docstring, in Markdown."""
    text = re.sub(r":[a-z]+:(?=`)", "", inspect.cleandoc(group.__doc__ or ""))
    return [" ".join(paragraph.split()) for paragraph in text.replace("``", "`").split("\n\n")]


def _details(name: str, group: type[StageSettings]) -> list[str]:
    """Return a section with all but the first paragraph; none when there is only one."""
    _, *more = _paragraphs(group)
    lines = ["", f"### {name}"] if more else []
    for paragraph in more:
        lines += ["", *textwrap.wrap(paragraph, 100, break_on_hyphens=False)]
    return lines
