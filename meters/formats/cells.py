r"""The cells of one line, quoted or not: for the formats that are tables of text.

>>> split_cells('0.412, "2026-06-15T13:30:00Z"', ",")
['0.412', '2026-06-15T13:30:00Z']
"""

import csv

from ledger.errors import InputError


def split_cells(text: str, delimiter: str) -> list[str]:
    """Return the cells of a line, without the spaces around them.

    Raises:
        InputError: a quote is not closed on the line.
    """
    if '"' not in text:
        return [cell.strip() for cell in text.split(delimiter)]
    try:
        rows = list(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise InputError(f"the quotes do not match ({error}); close them on this line") from error
    return [cell.strip() for cell in rows[0]]
