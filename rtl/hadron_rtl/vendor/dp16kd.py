"""The ECP5 block RAM, DP16KD, with both output registers in use.

Source: Lattice FPGA-TN-02204; port tying as yosys techlibs/lattice/brams_map_16kd.v has it.
"""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Signal

__all__ = ["dp16kd", "pseudo_dp16kd"]

_ADDRESS_LSB = {1: 0, 2: 1, 4: 2, 9: 3, 18: 4, 36: 5}
"""Lowest address pin in use by the width of a word; wide words leave the pins below free, and the
lowest of these are byte enables when the word has 18 or 36 bits."""


def _pins(prefix, value, width):
    """Connect a value bit by bit to the pins `prefix`0, `prefix`1, ..., the rest to zero."""
    value = Cat(value, Const(0, width))
    return {f"i_{prefix}{i}": value[i] for i in range(width)}


def _outputs(prefix, value):
    return {f"o_{prefix}{i}": value[i] for i in range(len(value))}


def _common(width_a, width_b):
    # GSR off: a global reset would clear output registers that the design never resets.
    return {
        "p_DATA_WIDTH_A": width_a, "p_DATA_WIDTH_B": width_b,
        "p_REGMODE_A": "OUTREG", "p_REGMODE_B": "OUTREG",
        "p_RESETMODE": "SYNC", "p_ASYNC_RESET_RELEASE": "SYNC",
        "p_CSDECODE_A": "0b000", "p_CSDECODE_B": "0b000",
        "p_WRITEMODE_A": "NORMAL", "p_WRITEMODE_B": "NORMAL",
        "p_CLKAMUX": "CLKA", "p_CLKBMUX": "CLKB",
        "p_GSR": "DISABLED",
        "i_CLKA": ClockSignal(), "i_CLKB": ClockSignal(),
        "i_CEA": Const(1), "i_CEB": Const(1),
        "i_OCEA": Const(1), "i_OCEB": Const(1),
        "i_RSTA": Const(0), "i_RSTB": Const(0),
        **{f"i_CS{port}{i}": Const(0) for port in "AB" for i in range(3)},
    }


def dp16kd(*, width, a_address, a_write, a_write_data, a_data,
           b_address, b_write, b_write_data, b_data):
    """Return a true dual-port DP16KD, read latency 2.

    Parameters
    ----------
    width : int
        Bits of a word: 1, 2, 4, 9 or 18; the depth is 16384 // width (2048 for 9, 1024 for 18).
    a_address, b_address : Value
        Word addresses.
    a_write, b_write : Value
        Write enables.
    a_write_data, b_write_data : Value
        Words to write, up to `width` bits.
    a_data, b_data : Signal or slice
        Where the words read go, up to `width` bits.
    """
    # Words of 18 bits have byte enables on the lowest pins.
    low = Const(0b11 if width == 18 else 0, _ADDRESS_LSB[width])
    return Instance(
        "DP16KD",
        **_common(width, width),
        i_WEA=a_write, i_WEB=b_write,
        **_pins("ADA", Cat(low, a_address), 14),
        **_pins("ADB", Cat(low, b_address), 14),
        **_pins("DIA", a_write_data, 18),
        **_pins("DIB", b_write_data, 18),
        **_outputs("DOA", a_data),
        **_outputs("DOB", b_data),
    )


def pseudo_dp16kd(*, width, write_address, write, byte_enables, write_data,
                  read_address, read_data):
    """Return a DP16KD with one write and one read port, read latency 2, and its data assignment.

    Parameters
    ----------
    width : int
        Bits of a word: 1, 2, 4, 9, 18 or 36.
    write_address, read_address : Value
        Word addresses.
    write : Value
        Write enable.
    byte_enables : Value
        One bit for each 9 bits of a word; used when `width` is 18 or 36.
    write_data : Value
        Word to write, `width` bits.
    read_data : Signal or slice
        Where the word read goes, up to `width` bits.
    """
    lsb = _ADDRESS_LSB[width]
    enables = Cat(byte_enables, Const(0, lsb))[:lsb] if width >= 18 else Const(0, lsb)
    # Only a word of 36 bits uses both data ports: write A and B inputs, read A and B outputs.
    # Narrower ones are written at A and read at B.
    output = Signal(18 * (1 + (width == 36)), name="output")
    write_data = Cat(write_data, Const(0, 36))[:36]
    instance = Instance(
        "DP16KD",
        **_common(width, width),
        i_WEA=write, i_WEB=Const(0),
        **_pins("ADA", Cat(enables, write_address), 14),
        **_pins("ADB", Cat(Const(0, lsb), read_address), 14),
        **_pins("DIA", write_data[:18], 18),
        **_pins("DIB", write_data[18:], 18),
        **(_outputs("DOA", output[:18]) | _outputs("DOB", output[18:]) if width == 36
           else _outputs("DOB", output)),
    )
    return instance, read_data.eq(output[:len(read_data)])
