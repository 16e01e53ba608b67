"""What may be left unconnected at the ends of carry chains, and what not."""

import pytest

from hadron_fpga.carry_chains import trim_carry_chains


def ccu2c(*, init0="0110011001101010", cin, cout, c0="1", d0="1"):
    return {
        "type": "CCU2C",
        "parameters": {"INIT0": init0},
        "connections": {"CIN": [cin], "C0": [c0], "D0": [d0], "S0": [99], "COUT": [cout]},
    }


def trimmed(cells, outputs=()):
    removed = trim_carry_chains({"modules": {"top": {
        "ports": {"o": {"bits": list(outputs)}}, "cells": cells}}})
    return removed, {name: (cell["connections"]["CIN"][0], cell["connections"]["COUT"][0])
                     for name, cell in cells.items()}


def test_disconnects_a_carry_out_without_users():
    cells = {"low": ccu2c(cin="0", cout=2), "high": ccu2c(cin=2, cout=3)}
    assert trimmed(cells) == (1, {"low": ("0", 2), "high": (2, "x")})


def test_keeps_a_carry_out_that_is_an_output():
    cells = {"low": ccu2c(cin=5, cout=2)}
    assert trimmed(cells, outputs=[2]) == (0, {"low": (5, 2)})


@pytest.mark.parametrize("init0", ["0000000000000000", "0000000000001111"])
def test_disconnects_a_constant_that_the_first_half_ignores(init0):
    cells = {"low": ccu2c(init0=init0, cin="0", cout=2), "high": ccu2c(cin=2, cout=3)}
    assert trimmed(cells) == (2, {"low": ("x", 2), "high": (2, "x")})


@pytest.mark.parametrize("pins", [{"c0": "0"}, {"d0": 7}])
def test_keeps_a_constant_that_the_first_half_may_propagate(pins):
    cells = {"low": ccu2c(init0="0000000000001111", cin="1", cout=2, **pins),
             "high": ccu2c(cin=2, cout=3)}
    assert trimmed(cells)[1]["low"] == ("1", 2)


def test_keeps_a_carry_in_that_is_computed():
    cells = {"low": ccu2c(init0="0000000000000000", cin=8, cout=2), "high": ccu2c(cin=2, cout=3)}
    assert trimmed(cells)[1]["low"] == (8, 2)
