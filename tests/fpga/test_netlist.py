"""A netlist's file is changed in place, or not at all."""

import json

import pytest

from hadron_fpga.netlist import edited_netlist


def test_what_is_changed_is_written_back(tmp_path):
    file = tmp_path / "top.json"
    file.write_text('{"modules": {"top": {}}}')
    with edited_netlist(file) as design:
        design["modules"]["top"]["cells"] = {}
    assert json.loads(file.read_text()) == {"modules": {"top": {"cells": {}}}}


def _fail(file):
    with edited_netlist(file) as design:
        design["modules"]["top"] = {}
        raise ValueError("fails")


def test_a_pass_that_fails_leaves_the_file(tmp_path):
    file = tmp_path / "top.json"
    file.write_text('{"modules": {}}')
    with pytest.raises(ValueError, match="fails"):
        _fail(file)
    assert file.read_text() == '{"modules": {}}'
