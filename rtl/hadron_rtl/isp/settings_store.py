"""The settings: a shadow copy that software writes, and the copy in use."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.registers import ISP_SPACE_BYTES, setting_words, settings_image
from hadron_spec.isp.settings import STAGES, default_settings

from ..vendor.block_ram import BlockRam
from .pixel_stream import settings_layout

__all__ = ["SettingsLayout", "SettingsStore"]

_WORDS = ISP_SPACE_BYTES // 4


def _value(value: int | tuple[int, ...]) -> int | list[int]:
    return list(value) if isinstance(value, tuple) else value


class SettingsLayout(data.StructLayout):
    """The settings of all stages, by stage and name."""

    def __init__(self):
        super().__init__({stage: settings_layout(stage) for stage in STAGES})


class SettingsStore(wiring.Component):
    """Keep the shadow copy in a block RAM and copy it to registers on command.

    After reset it writes the defaults to the shadow copy, which takes as long as a commit.

    Parameters
    ----------
    config : IspConfig
        What the defaults depend on.

    Members
    -------
    address : In(9)
        Word of the register block. Not while `busy`.
    write_data : In(32)
        What to write there.
    write_strobe : In(4)
        Bit i: write byte i.
    read_data : Out(32)
        Word at the `address` of ``READ_LATENCY`` cycles ago.
    exists : Out(1)
        There are settings in the word at the `address` of a cycle ago.
    commit : In(1)
        Copy all; not while `busy`.
    busy : Out(1)
        From the cycle after `commit` until the copy is done.
    settings : Out(SettingsLayout())
        The copy in use.

    Latency: `busy` lasts ``commit_cycles``.
    """

    READ_LATENCY = BlockRam.LATENCY

    def __init__(self, config):
        self.config = config
        self.words = {}
        for word in setting_words():
            self.words.setdefault(word.offset // 4, []).append(word)
        self.begin, self.end = min(self.words), max(self.words) + 1
        super().__init__({
            "address": In(range(_WORDS)),
            "write_data": In(32),
            "write_strobe": In(4),
            "read_data": Out(32),
            "exists": Out(1),
            "commit": In(1),
            "busy": Out(1, init=1),
            "settings": Out(SettingsLayout(), init={
                stage: {name: _value(getattr(group, name))
                        for name in settings_layout(stage).members}
                for stage, group in default_settings(config).stages()}),
        })

    @property
    def commit_cycles(self) -> int:
        """Cycles that a copy takes."""
        return self.end - self.begin + self.READ_LATENCY + 2

    def elaborate(self, platform):
        m = Module()
        m.submodules.shadow = shadow = BlockRam(width=32, depth=_WORDS)
        index = Signal(range(_WORDS), init=self.begin)
        init = Signal(init=1)
        walking = Signal(init=1)
        # Words whose content comes from the RAM in this cycle.
        arriving = Signal(self.READ_LATENCY + 1)
        m.d.comb += [
            shadow.read_address.eq(Mux(walking, index, self.address)),
            self.read_data.eq(shadow.read_data),
        ]
        fills = Signal()
        place = Signal(range(_WORDS), reset_less=True)
        default = Signal(32, reset_less=True)
        m.d.sync += [
            fills.eq(walking & init), place.eq(index), default.eq(self._defaults(m, index))]
        with m.If(fills):
            m.d.comb += [
                shadow.write_address.eq(place),
                shadow.write_data.eq(default),
                shadow.write_strobe.eq(0b1111),
            ]
        with m.Else():
            m.d.comb += [
                shadow.write_address.eq(self.address),
                shadow.write_data.eq(self.write_data),
                shadow.write_strobe.eq(self.write_strobe),
            ]
        m.d.sync += [
            arriving.eq(Cat(walking & ~init, arriving)),
            self.busy.eq(walking | arriving.any()),
        ]
        with m.If(walking):
            m.d.sync += index.eq(index + 1)
            with m.If(index == self.end - 1):
                m.d.sync += [walking.eq(0), init.eq(0)]
        with m.Elif(self.commit):
            m.d.sync += [walking.eq(1), index.eq(self.begin), self.busy.eq(1)]
        with m.Switch(self.address), m.Case(*self.words):
            m.d.comb += self.exists.eq(1)
        self._copy(m, index, shadow.read_data, arriving)
        return m

    def _defaults(self, m: Module, index: Signal) -> Value:
        word = Signal(32)
        image = settings_image(default_settings(self.config))
        with m.Switch(index):
            for offset, value in image.items():
                if value:
                    with m.Case(offset // 4):
                        m.d.comb += word.eq(Const(value, 32))
        return word

    def _copy(self, m: Module, index: Signal, read_data: Value, arriving: Signal) -> None:
        word = Signal(32, reset_less=True)
        number = Signal(range(_WORDS), reset_less=True)
        late = index
        for cycle in range(self.READ_LATENCY):
            register = Signal(range(_WORDS), name=f"index_{cycle + 1}", reset_less=True)
            m.d.sync += register.eq(late)
            late = register
        m.d.sync += [word.eq(read_data), number.eq(late)]
        with m.If(arriving[-1]), m.Switch(number):
            for place, parts in self.words.items():
                with m.Case(place):
                    for part in parts:
                        target = self.settings[part.stage][part.setting]
                        if part.known.shape:
                            target = target[part.element]
                        m.d.sync += Value.cast(target).eq(word[part.lsb:])
