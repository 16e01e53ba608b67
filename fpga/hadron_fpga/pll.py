"""The ECP5's PLL: find its dividers, instantiate it.

Source: Lattice FPGA-TN-02200, ECP5 sysCLOCK PLL/DLL usage guide: VCO 400 to 800 MHz, phase
detector 10 to 400 MHz, dividers 1 to 128.
"""

from dataclasses import dataclass

from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Instance, Module, Signal
from amaranth.lib.cdc import ResetSynchronizer

__all__ = ["ClockGenerator", "PllSettings", "solve_pll"]

_VCO_HZ = (400e6, 800e6)
_PHASE_DETECTOR_MIN_HZ = 10e6


@dataclass(frozen=True)
class PllSettings:
    """Dividers of an EHXPLLL whose feedback comes from its first output.

    output = input / reference_divider * feedback_divider; VCO = output * output_divider.
    """

    reference_divider: int
    feedback_divider: int
    output_divider: int
    output_hz: float


def solve_pll(*, input_hz: float, output_hz: float) -> PllSettings:
    """Find the dividers whose output is nearest to `output_hz` and does not exceed it.

    Raises
    ------
    ValueError
        When no dividers reach at least 95 % of the frequency.
    """
    best: PllSettings | None = None
    for reference in range(1, 129):
        if input_hz / reference < _PHASE_DETECTOR_MIN_HZ:
            break
        for feedback in range(1, 81):
            output = input_hz / reference * feedback
            if output > output_hz * (1 + 1e-9) or (best and output <= best.output_hz):
                continue
            divider = int(_VCO_HZ[1] // output)
            if 1 <= divider <= 128 and output * divider >= _VCO_HZ[0]:
                best = PllSettings(reference, feedback, divider, output)
    if best is None or best.output_hz < 0.95 * output_hz:
        raise ValueError(f"no PLL setting makes {output_hz / 1e6:g} MHz "
                         f"from {input_hz / 1e6:g} MHz")
    return best


class ClockGenerator(Elaboratable):
    """Drive the `sync` domain at a chosen frequency from the board's oscillator.

    The domain is held in reset until the PLL has locked.

    Parameters
    ----------
    output_hz : float
        Frequency of `sync`; what is really made is in `settings.output_hz` after construction.
    input_hz : float
        Frequency of the board's default clock.
    """

    def __init__(self, *, output_hz: float, input_hz: float):
        self.input_hz = input_hz
        self.settings = solve_pll(input_hz=input_hz, output_hz=output_hz)

    def elaborate(self, platform):
        m = Module()
        s = self.settings
        oscillator = platform.request(platform.default_clk).i
        locked = Signal()
        m.domains.sync = ClockDomain("sync")
        m.submodules.pll = Instance(
            "EHXPLLL",
            a_FREQUENCY_PIN_CLKI=f"{self.input_hz / 1e6:g}",
            a_FREQUENCY_PIN_CLKOP=f"{s.output_hz / 1e6:g}",
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            p_PLLRST_ENA="DISABLED", p_INTFB_WAKE="DISABLED", p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED", p_OUTDIVIDER_MUXA="DIVA", p_FEEDBK_PATH="CLKOP",
            p_CLKI_DIV=s.reference_divider,
            p_CLKFB_DIV=s.feedback_divider,
            p_CLKOP_DIV=s.output_divider,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_CPHASE=s.output_divider - 1,
            p_CLKOP_FPHASE=0,
            i_RST=0, i_STDBY=0, i_PHASESEL0=0, i_PHASESEL1=0, i_PHASEDIR=0, i_PHASESTEP=0,
            i_PHASELOADREG=0, i_PLLWAKESYNC=0, i_ENCLKOP=0,
            i_CLKI=oscillator,
            i_CLKFB=ClockSignal("sync"),
            o_CLKOP=ClockSignal("sync"),
            o_LOCK=locked,
        )
        m.submodules.reset = ResetSynchronizer(~locked, domain="sync")
        return m
