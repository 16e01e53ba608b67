import pytest

from hadron_fpga.pll import solve_pll


@pytest.mark.parametrize("megahertz", [25, 50, 63, 75, 88, 100, 113, 125, 150, 200])
def test_stays_inside_the_data_sheet(megahertz):
    s = solve_pll(input_hz=25e6, output_hz=megahertz * 1e6)
    assert 0.95 * megahertz * 1e6 <= s.output_hz <= megahertz * 1e6
    assert s.output_hz == 25e6 / s.reference_divider * s.feedback_divider
    assert 400e6 <= s.output_hz * s.output_divider <= 800e6
    assert 25e6 / s.reference_divider >= 10e6


def test_hits_a_frequency_it_can_make():
    assert solve_pll(input_hz=25e6, output_hz=100e6).output_hz == 100e6


def test_refuses_a_frequency_out_of_reach():
    with pytest.raises(ValueError, match=r"^no PLL setting makes 900 MHz from 25 MHz$"):
        solve_pll(input_hz=25e6, output_hz=900e6)
