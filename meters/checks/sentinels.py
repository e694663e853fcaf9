"""Values that stand for "no reading" in vendors' files, as whole Wh.

A meter that missed a half-hour reports an error code in the place of energy, and suppliers hand
it on as if it were kWh. The list is that of https://github.com/n3rgy/data/issues/11 and
https://github.com/n3rgy/data/issues/1. Most are a counter of 2^16, 2^24, 2^31 or 2^32 steps that
ran over; all are far beyond any home's fuse, so that one that is not listed yet is refused by
`capacity`.

>>> 16_777_215 in SENTINELS_WH, 186_227_086 in SENTINELS_WH, 186_227_087 in SENTINELS_WH
(True, True, True)
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

SENTINELS_KWH = (
    "4294967.295",
    "2147483.647",
    "186227.0865",
    "16777.215",
    "38655.37",
    "34364.271",
    "8591.484",
    "8590.421",
    "8590.119",
    "8590.063",
    "8590.041",
    "8590.017",
    "4295.103",
    "4295.084",
)
"""As they stand in files."""

SENTINELS_WH = frozenset(
    int((Decimal(text) * 1000).to_integral_value(rounding))
    for text in SENTINELS_KWH
    for rounding in (ROUND_FLOOR, ROUND_CEILING)
)
"""In whole Wh; a fraction of a Wh in both roundings, as formats differ in theirs. The two largest
exceed what any adapter takes, and are refused there already."""

SENTINEL_WH_MIN = min(SENTINELS_WH)
"""Below it no value is one."""
