"""The page about open data shows what the rule gives."""

import re
from pathlib import Path

from market.model import PriceRule, Rules
from settlement.caps import CAPS
from settlement.open_data import (
    BANDS,
    CEILING_WH,
    COLUMNS,
    PERCENT,
    STEP_WH,
    HalfHour,
    Why,
    open_row,
    rounded_sum,
)
from settlement.open_package import LICENCES, csv_bytes

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "open-data.md").read_text(encoding="utf-8")
TOOK, GAVE = (812, 640, 455, 390, 700, 120), (900, 950, 870, 20, 460)
MID = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)


def test_the_example_is_what_comes_out():
    row = open_row(HalfHour(989_737, "2026-06-15", TOOK, GAVE, min(sum(TOOK), sum(GAVE)), MID))
    [block] = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert csv_bytes([row]).decode() == block
    left = [wh for wh in range(CEILING_WH) if rounded_sum([wh, *TOOK[1:]]) == row.import_wh]
    assert (left[0], left[-1], len(left)) == (195, 1_194, 1_000)


def test_the_page_names_every_column_reason_band_and_licence():
    words = [column.name for column in COLUMNS] + [*Why] + [name for _, name in BANDS] + [*LICENCES]
    assert not [word for word in words if f"`{word}`" not in PAGE]
    for number in (STEP_WH, CEILING_WH):
        assert f"{number:,} Wh" in PAGE
    assert f"p = {PERCENT}:" in (DOCS / "adr" / "0026-what-open-data-may-tell.md").read_text()


def test_the_page_of_caps_names_each():
    page = (DOCS / "caps.md").read_text(encoding="utf-8")
    assert not [cap.title for cap in CAPS if cap.title.lower() not in page]
