"""Three dot products of a pixel's channels, as colour correction and colour space need them."""

from amaranth.hdl import Module, Mux, Signal, Value, signed

from ..postproc.delay import delayed
from .arithmetic import PRODUCT_LATENCY, product
from .soft_product import soft_product, soft_product_latency

__all__ = ["matrix_latency", "matrix_product"]


def matrix_latency(bits: int, *, soft: bool) -> int:
    """Return the cycles from the pixel to its registered sums: factors, products, two additions.

    Parameters
    ----------
    bits : int
        Bits of a channel.
    soft : bool
        As in :func:`matrix_product`.
    """
    return 1 + (soft_product_latency(bits) if soft else PRODUCT_LATENCY) + 2


def matrix_product(m: Module, pixel: Value, settings: Value, *, one: int,
                   soft: bool) -> list[Signal]:
    """Return ``sum(matrix[3 * row + column] * pixel[column])`` of each row.

    Parameters
    ----------
    m : Module
        Where registers and multipliers go.
    pixel : ArrayLayout(unsigned, 3)
        Three channels.
    settings : view
        Has `matrix`, nine signed numbers, and `enable`; without it the matrix is `one` times the
        identity. Stable while pixels pass.
    one : int
        What stands for 1 in the matrix.
    soft : bool
        Multiply in carry chains instead of nine hardware multipliers.
    """
    factors = [Signal(pixel[c].shape(), name=f"factor_{c}", reset_less=True) for c in range(3)]
    m.d.sync += [factor.eq(pixel[c]) for c, factor in enumerate(factors)]
    sums = []
    for row in range(3):
        products = []
        for column, factor in enumerate(factors):
            known = settings.matrix[3 * row + column]
            element = Signal(known.shape(), name=f"element_{row}_{column}", reset_less=True)
            m.d.sync += element.eq(Mux(settings.enable, known, one if row == column else 0))
            multiply = soft_product if soft else product
            products.append(multiply(m, element, factor, name=f"multiply_{row}_{column}"))
        width = len(products[0])
        first = Signal(signed(width + 1), name=f"first_{row}", reset_less=True)
        total = Signal(signed(width + 2), name=f"total_{row}", reset_less=True)
        m.d.sync += [
            first.eq(products[0] + products[1]),
            total.eq(first + delayed(m, products[2], 1, name=f"third_{row}")),
        ]
        sums.append(total)
    return sums
