"""The ISP's registers: fixed ones for frames, errors and windows, the rest made from the settings.

The block sits at :data:`ISP_BASE` of the same AXI4-Lite space as the NPU's registers; offsets here
count from the block. Settings are a shadow copy: a frame uses what was committed before it began.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hadron_spec.registers import Access, BitField, Register

from .config import IspConfig
from .fields import Setting, StageSettings, settings_of
from .settings import STAGES, IspSettings, default_settings

__all__ = [
    "ISP_BASE",
    "ISP_ID",
    "ISP_REGISTERS",
    "ISP_SPACE_BYTES",
    "SETTINGS_BEGIN",
    "STAGE_BYTES",
    "TABLES",
    "SettingWord",
    "Table",
    "isp_register",
    "setting_words",
    "settings_image",
    "table_words",
    "writes",
]

ISP_BASE = 0x1000
"""Byte offset of the block in the register space."""

ISP_SPACE_BYTES = 2048

ISP_ID = 0x5053_4948
"""'HISP' in memory order."""

SETTINGS_BEGIN = 0x100
STAGE_BYTES = 0x40
"""Settings of stage number k begin at ``SETTINGS_BEGIN + k * STAGE_BYTES``."""


@dataclass(frozen=True, kw_only=True)
class SettingWord:
    """Where a part of a stage's settings lives: bits of one register.

    Attributes
    ----------
    register : str
        Name of the register.
    offset : int
        Byte offset in the block.
    stage, setting, element : str, str, int
        What it holds; `element` is 0 for a number.
    lsb : int
        Lowest bit in the register.
    known : Setting
        Width and limits.
    """

    register: str
    offset: int
    stage: str
    setting: str
    element: int
    lsb: int
    known: Setting


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table behind the window: TABLE_ADDRESS.TABLE is `number`."""

    number: int
    stage: str
    known: Setting

    @property
    def name(self) -> str:
        """Stage and setting."""
        return f"{self.stage}.{self.known.name}"


TABLES: tuple[Table, ...] = tuple(
    Table(number=number, stage=stage, known=known)
    for number, (stage, known) in enumerate(
        (stage, known) for stage, group in STAGES.items()
        for known in settings_of(group) if known.table))


def _stage_words(stage: str, group: type[StageSettings], begin: int) -> Iterator[SettingWord]:
    offset = begin
    for known in settings_of(group):
        if known.table:
            continue
        count = known.count
        # Numbers share a word by halves, so that firmware can index them.
        packed = 1 if count == 1 else 32 // (8 if known.bits <= 8 else 16 if known.bits <= 16
                                             else 32)
        for element in range(count):
            if element and element % packed == 0:
                offset += 4
            suffix = f"_{element // packed}" if count > packed else ""
            yield SettingWord(
                register=f"{stage}_{known.name}{suffix}".upper(), offset=offset, stage=stage,
                setting=known.name, element=element, lsb=element % packed * (32 // packed),
                known=known)
        offset += 4
    if offset > begin + STAGE_BYTES:
        raise ValueError(f"settings of {stage} take {offset - begin} bytes of {STAGE_BYTES}")


def setting_words() -> Iterator[SettingWord]:
    """Yield the place of every setting that is not in a table, in order."""
    for number, (stage, group) in enumerate(STAGES.items()):
        yield from _stage_words(stage, group, SETTINGS_BEGIN + number * STAGE_BYTES)


def _f(name: str, lsb: int, width: int, doc: str) -> BitField:
    return BitField(name, lsb, width, doc)


_EVENTS = (
    _f("FRAME", 0, 1, "A frame has left the ISP, complete and without error."),
    _f("STATISTICS", 1, 1, "Statistics of a frame are ready in the window."),
    _f("ERROR", 2, 1, "One of the error counters has gone up."),
    _f("COMMITTED", 3, 1, "The settings have been taken over."),
)

_ERRORS = (
    ("SHORT_LINES", "Frames dropped because a line ended early."),
    ("LONG_LINES", "Frames dropped because a line did not end in time."),
    ("SHORT_FRAMES", "Frames dropped because the next one began before the last line."),
    ("LONG_FRAMES", "Frames that more lines followed than expected; only those are dropped."),
    ("OVERFLOWS", "Frames dropped because a pixel came when the ISP was not ready (CONTROL.LIVE)."),
)


def _setting_registers() -> Iterator[Register]:
    words: dict[str, list[SettingWord]] = {}
    for word in setting_words():
        words.setdefault(word.register, []).append(word)
    reset = settings_image(default_settings(
        IspConfig(name="reset", max_width=1920, max_height=1080)))
    for name, parts in words.items():
        known = parts[0].known
        fields = []
        for part in parts:
            label = (known.labels[part.element] if known.labels
                     else f"V{part.element}" if known.shape else "VALUE")
            fields.append(_f(label, part.lsb, known.bits, ""))
        doc = known.doc.removesuffix(".")
        if known.signed or known.fraction:
            doc += f" ({known.format})"
        yield Register(name, parts[0].offset, Access.RW, doc + ".", tuple(fields),
                       reset[parts[0].offset])


def settings_image(settings: IspSettings) -> dict[int, int]:
    """Return the words of all settings that are not in tables, by their offset in the block."""
    image: dict[int, int] = {}
    for word in setting_words():
        value = getattr(getattr(settings, word.stage), word.setting)
        number = value[word.element] if word.known.shape else value
        bits = (number & (1 << word.known.bits) - 1) << word.lsb
        image[word.offset] = image.get(word.offset, 0) | bits
    return image


def table_words(table: Table, settings: IspSettings) -> Iterator[tuple[int, int]]:
    """Yield address and value of every element of a table."""
    values = getattr(getattr(settings, table.stage), table.known.name)
    for i, value in enumerate(values):
        address = 0
        rest = i
        for size, stride in zip(reversed(table.known.shape), reversed(table.known.strides),
                                strict=True):
            address += rest % size * stride
            rest //= size
        yield address, value & (1 << table.known.bits) - 1


ISP_REGISTERS: tuple[Register, ...] = (
    Register("ID", 0x000, Access.RO, "Reads 'HISP'.", reset=ISP_ID),
    Register("CONFIG0", 0x004, Access.RO, "Size of the instance.", (
        _f("MAX_WIDTH", 0, 12, "Most columns of a frame."),
        _f("MAX_HEIGHT", 12, 12, "Most lines of a frame."),
        _f("INPUT_BITS", 24, 4, "Bits of a RAW sample."),
        _f("PICTURE", 28, 1, "There is a picture output."),
        _f("TENSOR", 29, 1, "There is a tensor output."),
        _f("TENSOR_MEMORY", 30, 1, "It writes to memory."))),
    Register("CONFIG1", 0x008, Access.RO, "What is built in.", (
        _f("STAGES", 0, 16, "Bit k: stage number k is there."),
        _f("AXI_BYTES", 16, 8, "Bytes of a beat of the tensor output."))),
    Register("CONTROL", 0x010, Access.RW, "Operation.", (
        _f("RUN", 0, 1, "Take frames; otherwise the input is thrown away from the next frame on."),
        _f("LIVE", 1, 1, "The source cannot wait: drop its pixels instead of holding it up."))),
    Register("COMMIT", 0x014, Access.WO, "Actions.", (
        _f("REQUEST", 0, 1, "Take the settings and tables over before the next frame."),)),
    Register("STATUS", 0x018, Access.RO, "State.", (
        _f("BUSY", 0, 1, "A frame is in the pipeline."),
        _f("COMMIT_PENDING", 1, 1, "A commit was requested and is not done; write no settings."))),
    Register("IRQ_ENABLE", 0x01C, Access.RW, "Which events raise the interrupt.", _EVENTS),
    Register("IRQ_STATUS", 0x020, Access.W1C, "Events since they were last cleared.", _EVENTS),
    Register("FRAME_INDEX", 0x024, Access.RO, "Good frames that have left the ISP."),
    Register("COMMIT_INDEX", 0x028, Access.RO, "Frame index of the first frame of the settings in "
                                               "use."),
    Register("STATISTICS_INDEX", 0x02C, Access.RO, "Frame index of the statistics in the window."),
    *(Register(name, 0x030 + 4 * i, Access.RO, doc) for i, (name, doc) in enumerate(_ERRORS)),
    Register("DEFECTS", 0x044, Access.RO, "Pixels that the last good frame had corrected."),
    Register("FRAME_CYCLES", 0x048, Access.RO, "Cycles from the first pixel into the pipeline to "
                                               "the last out of it, last frame."),
    Register("TABLE_ADDRESS", 0x050, Access.RW, "Where TABLE_DATA writes.", (
        _f("INDEX", 0, 16, "Element; counts up with each write of TABLE_DATA."),
        _f("TABLE", 16, 4, "Which table."))),
    Register("TABLE_DATA", 0x054, Access.WO, "Write an element of a table's idle bank. Write a "
             "table whole: its banks swap with the next commit.", (_f("VALUE", 0, 32, ""),)),
    Register("STATISTICS_ADDRESS", 0x058, Access.RW, "Word that STATISTICS_DATA reads.", (
        _f("INDEX", 0, 16, "Counts up with each read of STATISTICS_DATA."),)),
    Register("STATISTICS_DATA", 0x05C, Access.RO, "A word of the statistics of frame "
                                                  "STATISTICS_INDEX."),
    *(Register(f"TENSOR_BASE_{i}", 0x060 + 4 * i, Access.RW,
               "Byte address of a buffer for the tensor, with CONFIG0.TENSOR_MEMORY; as large as "
               "the tensor, rounded up to beats.",
               (_f("ADDRESS", 8, 24, "Bits 31:8; the lower ones are zero."),)) for i in range(2)),
    Register("TENSOR_STATUS", 0x068, Access.RO,
             "What is in the buffers; settled when IRQ_STATUS.FRAME comes.", (
        _f("BUFFER", 0, 1, "Buffer of the last good frame; the next one goes to the other."),
        _f("VALID", 1, 1, "There has been one since the reset."),
        _f("ERROR", 2, 1, "Memory has refused a write since the reset; that frame is dropped."))),
    *_setting_registers(),
)


def isp_register(name: str) -> Register:
    """Return the register called `name`."""
    return next(r for r in ISP_REGISTERS if r.name == name)


def writes(settings: IspSettings, *, tables: bool = True) -> Iterator[tuple[int, int]]:
    """Yield (offset in the block, word) of the writes that set everything up, before COMMIT."""
    yield from sorted(settings_image(settings).items())
    if not tables:
        return
    for table in TABLES:
        expected = -1
        for address, value in table_words(table, settings):
            if address != expected:
                yield isp_register("TABLE_ADDRESS").offset, table.number << 16 | address
            yield isp_register("TABLE_DATA").offset, value
            expected = address + 1
