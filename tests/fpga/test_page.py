"""The page of measured builds says what the baselines say."""

from hadron_fpga.page import PAGE, read_page


def test_the_page_is_that_of_the_baselines():
    assert PAGE.read_text(encoding="utf-8") == read_page(), "run python -m hadron_fpga.page"
