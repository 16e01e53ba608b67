"""The AXI signatures: names, directions, widths, limits."""

import pytest
from amaranth.lib.wiring import In, Out

from hadron_rtl.stream.axi import Axi4LiteSignature, Axi4Signature


@pytest.mark.parametrize("signature", [
    Axi4LiteSignature(address_width=12), Axi4Signature(data_width=128)])
def test_manager_drives_requests_and_takes_responses(signature):
    for name, member in signature.members.items():
        channel = name[:2] if name[0] == "a" else name[0]
        sender = channel in ("aw", "w", "ar")
        is_ready = name.endswith("ready")
        assert member.flow == (Out if sender != is_ready else In), name


def test_widths():
    members = Axi4Signature(data_width=64, address_width=40, id_width=3).members
    widths = {name: member.shape for name, member in members.items()}
    assert (widths["awaddr"], widths["rdata"], widths["wstrb"], widths["bid"]) == (40, 64, 8, 3)
    assert (widths["arlen"], widths["arsize"], widths["arburst"], widths["rresp"]) == (8, 3, 2, 2)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"data_width": 8}, "data_width=8, must be 32, 64 or 128"),
    ({"data_width": 32, "address_width": 8}, "address_width=8, must be 12 to 64"),
    ({"data_width": 32, "id_width": 0}, "id_width=0, must be 1 to 16"),
])
def test_axi4_limits(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Axi4Signature(**arguments)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"address_width": 0}, "address_width=0, must be 1 to 64"),
    ({"address_width": 12, "data_width": 16}, "data_width=16, must be 32 or 64"),
])
def test_axi4_lite_limits(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Axi4LiteSignature(**arguments)
