"""A week of forecasts as a drawing: what was expected, its band, and what came.

>>> path([(0, 1), (2, 3)])
'M0.0 1.0L2.0 3.0'
"""

from tests.settlement.forecast_trials import outcomes, values, year_of

FIRST_DAY = "2017-04-03"
"""A Monday in spring: clear days and clouded ones."""

DAYS, AHEAD = 7, 2
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 320, 56, 16, 62, 34
PAPER, INK, SOFT, LINE, BAND = "#faf7f2", "#1d2a2e", "#55646a", "#1d2a2e", "#2f7d5b"

HEAD = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui,sans-serif" \
font-size="13" role="img"><title>A week in April: expected two days before, and what came</title>
<rect width="{WIDTH}" height="{HEIGHT}" rx="16" fill="{PAPER}"/>
<text x="20" y="24" fill="{INK}" font-weight="700">To spare (above zero) and short (below), kWh a half-hour</text>"""
KEY = (
    f'<rect x="56" y="36" width="20" height="12" fill="{BAND}" fill-opacity=".22"/>',
    f'<text x="82" y="46" fill="{SOFT}">four days of five</text>',
    f'<line x1="206" x2="226" y1="42" y2="42" stroke="{BAND}" stroke-width="2.5"/>',
    f'<text x="232" y="46" fill="{SOFT}">expected</text>',
    f'<line x1="312" x2="332" y1="42" y2="42" stroke="{LINE}" stroke-width="1.3"/>',
    f'<text x="338" y="46" fill="{SOFT}">came</text>',
)


def path(points):
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def drawing():
    """Return the week as SVG."""
    year = year_of("homes")
    start = [day.isoformat() for day in year.days].index(FIRST_DAY)
    found = {o.at: values(o, "surplus") for o in outcomes("homes") if o.ahead == AHEAD}
    expected, low, high, came = [], [], [], []
    for at in range(start, start + DAYS):
        value, _, band = found[at]
        expected += list(value)
        low += list(value - band)
        high += list(value + band)
        came += list(year.surplus[at])
    top, bottom = max(*high, *came), min(*low, *came)
    scale = (HEIGHT - TOP - BOTTOM) / (top - bottom)
    step = (WIDTH - LEFT - RIGHT) / len(expected)

    def points(series):
        return [(LEFT + step * (n + 0.5), TOP + (top - wh) * scale) for n, wh in enumerate(series)]

    parts = [HEAD, *KEY]
    for kwh in range(-20, 41, 10):
        if bottom <= 1000 * kwh <= top:
            y = TOP + (top - 1000 * kwh) * scale
            shade = "#9aa5a8" if kwh == 0 else "#e6e0d6"
            parts.append(
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{shade}"/>'
                f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{SOFT}">'
                f"{str(kwh).replace('-', '−')}</text>"
            )
    outline = path(points(high) + points(low)[::-1])
    parts += [
        f'<path d="{outline}Z" fill="{BAND}" fill-opacity=".22"/>',
        f'<path d="{path(points(expected))}" fill="none" stroke="{BAND}" stroke-width="2.5"/>',
        f'<path d="{path(points(came))}" fill="none" stroke="{LINE}" stroke-width="1.3"/>',
    ]
    for number in range(DAYS):
        day, x = year.days[start + number], LEFT + step * 48 * (number + 0.5)
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - 12}" text-anchor="middle" fill="{INK}">'
            f"{day:%a} {day.day}</text>"
        )
    return "\n".join(parts) + "</svg>\n"
