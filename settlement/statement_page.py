"""A statement as a page of words and figures, which text, HTML and PDF set in their own ways. Pure.

What the forms differ in is how they look: `statement_sections` makes every figure, once.

>>> Table("days", "Your days", ("Day", "Sold"), (("Mon 1", "1.00"),)).narrow()[0].columns
('Day', 'Sold')
"""

from dataclasses import dataclass

Row = tuple[str, ...]
"""Cells: the first says what it is, the others are figures."""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in columns.

    Attributes:
        key: its name for style sheets.
        title: over it.
        columns: heads; a line break parts what is counted from its unit.
        rows: cells, as many as heads.
        total: the last row, if it has a sum.
        intro: sentences before it.
        note: sentences after it.
        split: columns after the first that stand together; the others make a second table where the
            page is narrow. None: it is narrow as it is.
        split_titles: of the two tables.
    """

    key: str
    title: str
    columns: Row
    rows: tuple[Row, ...]
    total: Row | None = None
    intro: str = ""
    note: str = ""
    split: int | None = None
    split_titles: tuple[str, str] = ("", "")

    def narrow(self) -> list["Table"]:
        """Return it as tables that fit a narrow page."""
        if self.split is None:
            return [self]
        cut = self.split + 1
        spans = ((1, cut), (cut, len(self.columns)))
        intros, notes = (self.intro, ""), ("", self.note)
        return [
            Table(
                self.key,
                title,
                _cut(self.columns, *span),
                tuple(_cut(row, *span) for row in self.rows),
                None if self.total is None else _cut(self.total, *span),
                intro,
                note,
            )
            for title, span, intro, note in zip(
                self.split_titles, spans, intros, notes, strict=True
            )
        ]


def _cut(row: Row, first: int, stop: int) -> Row:
    return (row[0], *row[first:stop])


@dataclass(frozen=True, slots=True)
class Sums:
    """Amounts that run down to the last one."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A payment: with whom, what was written, the day, the amount."""

    party: str
    reference: str | None
    day: str
    amount: str


@dataclass(frozen=True, slots=True)
class Entries:
    """Payments in their order."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Notes:
    """Sentences: what the statement does not say, and what its money is."""

    title: str
    words: tuple[str, ...]


Section = Sums | Table | Entries | Notes
"""What stands below the head of a page."""


@dataclass(frozen=True, slots=True)
class Page:
    """All that is printed, from top to bottom.

    Attributes:
        community: its name.
        subtitle: which month.
        account: whose.
        foot: on each sheet of paper: never as long as a name.
        amount: what the member has.
        of_when: of when that is.
        limits: what of it can be spent, and what is owed.
        comparison: with the grid, in a sentence.
        progress: how much of the month is worked out, and from what.
        leaving: what happens next to who left.
        sections: sums, tables, payments and notes.
        not_the_bill: that it is not.
    """

    community: str
    subtitle: str
    account: str
    foot: str
    amount: str
    of_when: str
    limits: tuple[str, ...]
    comparison: str
    progress: str
    leaving: tuple[str, ...]
    sections: tuple[Section, ...]
    not_the_bill: str

    @property
    def title(self) -> str:
        """The document's name."""
        return f"{self.community}: {self.subtitle.lower()[0]}{self.subtitle[1:]}"
