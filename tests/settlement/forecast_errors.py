"""``python -m tests.settlement.forecast_errors``: how far forecasts of a real year are off.

Every day of the year of seventeen homes is forecast from what was known some days before, and
compared with what came. The tables and the drawing go into ``docs/forecast.md``.

>>> sorted(SECTIONS)[:6]
['another', 'band', 'horizons', 'methods', 'prices', 'published']
"""

import re
from pathlib import Path

import numpy as np

from market.model import PriceRule
from tests.settlement import forecast_trials as trials
from tests.settlement.forecast_plot import drawing
from tests.settlement.forecast_trials import HORIZONS, mean_error, plain_error, skill

PAGE = Path(__file__).parents[2] / "docs" / "forecast.md"
PLOT = PAGE.with_suffix(".svg")

METHODS = (
    ("the last known day again (persistence)", trials.last_day),
    ("the same day of a week before", trials.week_before),
    ("mean of 5 days of the same type", trials.like_days),
    ("the same, scaled by the last 3 days", trials.scaled_like_days),
    ("mean of the last 7 days", trials.mean_of(7)),
    ("mean of the last 14 days", trials.mean_of(14)),
    ("mean of the last 28 days", trials.mean_of(28)),
    ("median of the last 14 days", trials.median_of(14)),
    ("half the last day, half the mean of 14", trials.half_last_day),
)
TYPES = ("never", "by half", "wholly")

SEASONS = {
    "autumn (October, November)": (10, 11),
    "winter (December to February)": (12, 1, 2),
    "spring (March to May)": (3, 4, 5),
    "summer (June, July)": (6, 7),
}
TIMES = {
    "night, 22:00 to 06:00": (*range(12), *range(44, 48)),
    "morning, 06:00 to 10:00": range(12, 20),
    "midday, 10:00 to 16:00": range(20, 32),
    "evening, 16:00 to 22:00": range(32, 44),
}


def whole(number):
    return f"{number:,.0f}".replace("-", "−")


def per_cent(part):
    return f"{100 * part:.0f} %"


def markdown(head, rows):
    """Return a table: words left, figures right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *rows))


def ahead_head(*first):
    return [*first, *(f"{h} day{'s' if h > 1 else ''} ahead" for h in HORIZONS)]


def methods(which="homes"):
    rows = []
    for words, method in METHODS:
        errors = [plain_error(which, "surplus", h, method) for h in HORIZONS]
        rows.append([words, *map(whole, errors)])
    for halves, words in enumerate(TYPES):
        method = trials.fixed_type(which, halves)
        errors = [plain_error(which, "surplus", h, method) for h in HORIZONS]
        rows.append([f"ours, the type of day counted {words}", *map(whole, errors)])
    ours = [mean_error(which, "surplus", h) for h in HORIZONS]
    plain = [plain_error(which, "surplus", h, trials.last_day) for h in HORIZONS]
    rows.append(["**ours, as its own past says**", *(f"**{whole(error)}**" for error in ours)])
    rows.append(["skill of ours against persistence", *map(skill, ours, plain)])
    return markdown(ahead_head("mean error of the surplus, Wh"), rows)


def horizons():
    rows, year = [], trials.year_of("homes")
    for name in ("offered", "wanted", "surplus"):
        mean = np.abs(getattr(year, name)[trials.FIRST :]).mean()
        for h in HORIZONS:
            ours = mean_error("homes", name, h)
            plain = plain_error("homes", name, h, trials.last_day)
            figures = [whole(mean), whole(plain), f"**{whole(ours)}**", skill(ours, plain)]
            rows.append([name, str(h), *figures])
    head = ["Wh a half-hour", "days ahead", "mean size", "persistence", "ours", "skill"]
    return markdown(head, rows)


def when():
    year, rows = trials.year_of("homes"), []
    parts = {
        season: lambda at, months=months: list(range(48)) if year.days[at].month in months else []
        for season, months in SEASONS.items()
    }
    parts |= {words: lambda _at, places=places: list(places) for words, places in TIMES.items()}
    for words, part in parts.items():
        cells = []
        for h in (2, 9):
            ours = mean_error("homes", "surplus", h, part)
            plain = plain_error("homes", "surplus", h, trials.last_day, part)
            cells += [whole(plain), f"**{whole(ours)}**", skill(ours, plain)]
        rows.append([words, *cells])
    head = ["mean error of the surplus, Wh"]
    for h in (2, 9):
        head += [f"persistence, {h} days", f"ours, {h} days", "skill"]
    return markdown(head, rows)


def prices():
    rows = []
    for rule in (PriceRule.SUPPLY_DEMAND_RATIO, PriceRule.UNIFORM):
        for h in HORIZONS:
            price = trials.price_errors(rule, h)
            rows.append([rule.value, str(h), f"{price.count:,}", whole(price.last)])
            rows[-1] += [whole(price.usual), f"**{whole(price.error)}**"]
            rows[-1].append(skill(price.error, price.last))
    head = ["price rule", "days ahead", "half-hours", "last price then"]
    head += ["median of 14 days then", "ours", "skill"]
    return markdown(head, rows)


def band():
    year, rows = trials.year_of("homes"), []
    light = list(range(14, 36))
    parts = {"the whole day": None, "07:00 to 18:00": lambda _at: light}
    parts |= {
        season: lambda at, months=months: light if year.days[at].month in months else []
        for season, months in SEASONS.items()
    }
    for words, part in parts.items():
        cells = [per_cent(trials.inside("homes", "surplus", h, part)) for h in HORIZONS]
        rows.append([words, *cells])
    for name in ("offered", "wanted"):
        cells = [per_cent(trials.inside("homes", name, h, lambda _at: light)) for h in HORIZONS]
        rows.append([f"{name}, 07:00 to 18:00", *cells])
    return markdown(ahead_head("came true within the band"), rows)


def washing():
    rows = []
    for h in HORIZONS:
        two = trials.washing(h)
        rows.append([str(h), whole(two.best), f"**{whole(two.advised)}**"])
        rows[-1] += [whole(two.last_day), whole(two.noon)]
    head = [
        "days ahead",
        "the best in hindsight",
        "advised",
        "the last day's best",
        "12:00 to 14:00",
    ]
    words = ["less than 20 %", "20 to 40 %", "40 to 60 %", "60 to 80 %", "80 % or more"]
    said = []
    for group, name in enumerate(words):
        cells = []
        for h in (2, 9):
            days, came = trials.promised(h).get(group, (0, 0))
            cells.append(f"{came} of {days} days" if days else "–")
        said.append([name, *cells])
    more = ["something to spare in so many trials", "came true, 2 days ahead", "9 days ahead"]
    return markdown(head, rows) + "\n" + markdown(more, said)


def published():
    rows = []
    for name in ("offered", "wanted", "surplus"):
        for h in (9, 10):
            plain = plain_error("published", name, h, trials.last_day)
            days = {each.at for each in trials.outcomes("published") if each.ahead == h}
            exact = mean_error("homes", name, h, lambda at, d=days: [*range(48)] if at in d else [])
            ours = mean_error("published", name, h)
            figures = [whole(plain), whole(exact), f"**{whole(ours)}**", skill(ours, plain)]
            rows.append([name, str(h), *figures])
    head = ["mean error, Wh a half-hour", "days ahead", "persistence", "ours, from exact sums"]
    return markdown([*head, "ours, from published ones", "skill"], rows)


def another():
    return methods("simbench")


SECTIONS = {
    "methods": methods,
    "horizons": horizons,
    "when": when,
    "prices": prices,
    "band": band,
    "washing": washing,
    "published": published,
    "another": another,
}


def begin(name):
    return f"<!-- made by tests/settlement/forecast_errors.py: {name} -->\n\n"


END = "\n<!-- end -->"


def on_page(name):
    """Return a section as the page holds it."""
    pattern = re.escape(begin(name)) + "(.*?)" + re.escape(END)
    return re.search(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


def write():
    """Measure, and write all of it into the page."""
    for name, make in SECTIONS.items():
        text = PAGE.read_text(encoding="utf-8")
        old, new = (begin(name) + part + END for part in (on_page(name), make()))
        PAGE.write_text(text.replace(old, new), encoding="utf-8")
    PLOT.write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    write()
