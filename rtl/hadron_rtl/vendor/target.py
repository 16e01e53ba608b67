"""Which vendor cells a component may instantiate."""

__all__ = ["Ecp5Export", "targets_ecp5"]


class Ecp5Export:
    """Platform for ``convert(platform=...)``: a netlist for ECP5 with no board behind it.

    Simulators and other vendors' flows pass ``platform=None`` and get the behavioural twins.
    """

    family = "ecp5"


def targets_ecp5(platform: object) -> bool:
    """Tell whether `platform` is an ECP5: :class:`Ecp5Export` or an Amaranth board of that family.

    Source: amaranth.vendor.LatticePlatform, whose `family` names the device's family.
    """
    return getattr(platform, "family", None) == "ecp5"
