"""The VAT of a month, over everybody's statements: what a registered group writes in its return. Pure.

>>> vat_sums([("household", [Charge(ChargedFor.ENERGY, False, 1_050, 50, 50)])])
[VatSum(member_class='household', what=<ChargedFor.ENERGY: 'energy'>, permille=50, members=1, gross_units=1050, vat_units=50)]
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from settlement.statement_model import Charge, ChargedFor


class VatSum(NamedTuple):
    """What members of a class paid for something at a rate.

    Attributes:
        member_class: theirs.
        what: it was paid for.
        permille: the rate of VAT.
        members: how many paid, or were paid back.
        gross_units: what they paid, VAT inside; of later runs too whose money counts in the month.
        vat_units: the VAT in it, as their statements have it, added up.
    """

    member_class: str
    what: ChargedFor
    permille: int
    members: int
    gross_units: int
    vat_units: int

    @property
    def net_units(self) -> int:
        """What they paid without VAT."""
        return self.gross_units - self.vat_units


def vat_sums(charged: Iterable[tuple[str, Sequence[Charge]]]) -> list[VatSum]:
    """Add up charges that bear VAT, by class, by what was paid for and by rate.

    Args:
        charged: (class, charges) of each member's statement.
    """
    sums: dict[tuple[str, int, ChargedFor], list[int]] = {}
    for member_class, charges in charged:
        mine: dict[tuple[str, int, ChargedFor], list[int]] = {}
        for charge in charges:
            if charge.permille is not None and charge.gross_units:
                part = mine.setdefault((member_class, charge.permille, charge.what), [0, 0])
                part[0] += charge.gross_units
                part[1] += charge.vat_units
        for key, (gross_units, vat_units) in mine.items():
            total = sums.setdefault(key, [0, 0, 0])
            for at, value in enumerate((1, gross_units, vat_units)):
                total[at] += value
    order = [*ChargedFor]
    return [
        VatSum(member_class, what, permille, *total)
        for (member_class, permille, what), total in sorted(
            sums.items(), key=lambda item: (item[0][0], item[0][1], order.index(item[0][2]))
        )
    ]
