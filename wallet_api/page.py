"""The first page: what is here, for a person with a browser. No script, no outside request.

>>> "script" in CONTENT_POLICY
False
"""

import html
from datetime import date
from typing import Any

from ledger import log_store
from ledger.primitives.energy import format_kwh
from ledger.primitives.money import format_price
from ledger.primitives.periods import load_zone, local_label, of_local_day, parse_date
from settlement import store
from settlement.community import Community

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'"
"""Nothing may be loaded from anywhere; styles stand in the page."""

HOMES_MIN = 5
"""No figure is shown that rests on fewer members than this."""

CHART_WIDTH, CHART_HEIGHT, CHART_TOP, CHART_MARGINS = 720, 230, 6, 34

STYLE = """
:root{color-scheme:light dark;--paper:#faf7f2;--card:#fff;--line:#e6e0d6;--ink:#1d2a2e;
--soft:#55646a;--roof:#f2a71b;--near:#2f7d5b;--grid:#b9bfc2;--sold:#3b78a8;--act:#1f5c42}
@media(prefers-color-scheme:dark){:root{--paper:#141d1a;--card:#1c2723;--line:#31403a;
--ink:#eef2ee;--soft:#a9b8b1;--near:#57b58a;--grid:#7c878a;--sold:#6ba7d6;--act:#8fd0b2}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:784px;margin:0 auto;padding:24px 16px 48px}h1{font-size:20px;margin:0 0 20px}
h2{font-size:17px;margin:0 0 8px}.big{font-size:46px;font-weight:700;line-height:1.1;margin:0}
.soft{color:var(--soft);margin:4px 0 20px}.card{background:var(--card);border:1px solid
var(--line);border-radius:16px;padding:16px;margin:0 0 12px;overflow-x:auto}
svg{width:100%;height:auto;display:block}svg text{font-size:13px;fill:var(--soft)}
ul{list-style:none;margin:0;padding:0}li{padding:10px 0;border-top:1px solid var(--line)}
li:first-child{border-top:0}a{color:var(--act);font-weight:600;display:inline-block;
min-height:24px}code{font-size:15px;overflow-wrap:anywhere}table{border-collapse:collapse;
width:100%}td,th{text-align:right;padding:6px 4px;border-top:1px solid var(--line)}
th:first-child,td:first-child,.words td,.words th{text-align:left}details{margin-top:8px}summary{cursor:pointer;
color:var(--act);font-weight:600;min-height:44px;padding:10px 0}.key span{margin-right:16px}
.key i{display:inline-block;width:14px;height:14px;border-radius:4px;vertical-align:-2px;
margin-right:6px}.near{fill:var(--near);background:var(--near)}.grid{fill:var(--grid);
background:var(--grid)}.roof{fill:var(--roof);background:var(--roof)}.sold{fill:var(--sold);
background:var(--sold)}
"""

LINKS = (
    ("/docs", "The interface", "every address; /openapi.json for programs"),
    ("/v1/community", "This community", "as JSON"),
    ("/log/checkpoint", "The signed checkpoint", "keep it: later audits are compared with it"),
    ("/log.vkey", "The log's public key", "what an auditor checks signatures with"),
)


def first_page(community: Community) -> str:
    """Return the page of a community."""
    rules = community.state.rules_now
    with community.reading() as connection:
        runs = store.runs(connection, community.writer.community)
        size, _, _ = log_store.head(connection, community.writer.community)
        day = parse_date(runs[-1].day) if runs else None
        totals = {}
        if day is not None:
            periods = of_local_day(day, load_zone(rules.zone))
            totals = store.period_totals(connection, community.writer.community, periods)
    matched_wh = sum(run.matched_wh for run in runs)
    name = html.escape(community.name)
    sentence = (
        f"shared between {len(community.state.members)} neighbours in {len(runs)} settled days"
        f"{_price_sentence(community)}."
    )
    parts = [
        f"<h1>{name}</h1>",
        f'<p class="big">{format_kwh(matched_wh, 1)} kWh</p>',
        f'<p class="soft">{sentence}</p>',
    ]
    if rules.replay:
        parts.append(
            '<p class="card">This community replays past or simulated readings: its clock is '
            "simulated.</p>"
        )
    if day is not None and len(community.state.members) >= HOMES_MIN:
        parts.append(_day_card(day, rules.zone, totals))
    parts.append(_links())
    parts.append(
        f'<div class="card"><h2>Trust nobody</h2><p>The log has {size:,} signed entries. Check all '
        "of it on your own machine:</p><p><code>commonwatt audit export street.zip</code><br>"
        "<code>python -m settlement.audit street.zip --vkey KEY</code></p>"
        "<p>KEY is the log's key, at <code>/log.vkey</code>: write it down, and compare it with what your "
        "neighbours wrote down.</p></div>"
    )
    return _document(name, "".join(parts))


def interface_page(schema: dict[str, Any]) -> str:
    """Return a list of the interface's addresses, from its OpenAPI description."""
    rows = "".join(
        f"<tr><td>{method.upper()}</td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation.get('summary', ''))}</td></tr>"
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    )
    return _document(
        "The interface",
        '<h1>The interface</h1><div class="card"><table class="words"><tr><th></th><th>Address</th>'
        f"<th>What it gives</th></tr>{rows}</table></div>"
        '<p><a href="/openapi.json">openapi.json</a> for programs. <a href="/">Back</a></p>',
    )


def _links() -> str:
    links = "".join(
        f'<li><a href="{address}">{title}</a>: {what}</li>' for address, title, what in LINKS
    )
    return f'<div class="card"><h2>What is here</h2><ul>{links}</ul></div>'


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    )


def _price_sentence(community: Community) -> str:
    rules = community.state.rules_now.market
    if rules.import_ticks is None or rules.export_ticks is None:
        return ""
    return (
        f", at a price between the grid's {format_price(rules.import_ticks)} to buy and "
        f"{format_price(rules.export_ticks)} to sell"
    )


def _day_card(day: date, zone: str, totals: dict[int, tuple[int, int, int, int]]) -> str:
    """Draw a day: used above the line, sold to the grid below; the same data as a table."""
    periods = sorted(totals)
    used_most = max((sum(totals[p][:3]) for p in periods), default=0) or 1
    sold_most = max((totals[p][3] for p in periods), default=0)
    scale = (CHART_HEIGHT - CHART_MARGINS) / (used_most + sold_most)
    base = CHART_TOP + used_most * scale
    step = CHART_WIDTH / max(len(periods), 1)
    bars, rows = [], []
    for place, period in enumerate(periods):
        own, near, grid, sold = totals[period]
        left, width, top = place * step, step - 2, base
        for css, wh in (("roof", own), ("near", near), ("grid", grid)):
            height = wh * scale
            top -= height
            bars.append(_rect(css, left, top, width, height))
        bars.append(_rect("sold", left, base + 1, width, sold * scale))
        label = local_label(period, load_zone(zone))
        if place % 12 == 0:
            bars.append(f'<text x="{left:.1f}" y="{CHART_HEIGHT - 4}">{label[:5]}</text>')
        cells = "".join(f"<td>{format_kwh(wh)}</td>" for wh in (own, near, grid, sold))
        rows.append(f"<tr><td>{label}</td>{cells}</tr>")
    matched = format_kwh(sum(totals[p][1] for p in periods))
    title = f"{day:%A %d %B %Y}: {matched} kWh from neighbours"
    return (
        f'<div class="card"><h2>{title}</h2><svg role="img" viewBox="0 0 {CHART_WIDTH} '
        f'{CHART_HEIGHT}"><title>{title}; the table below has every half-hour</title>'
        f'<line x1="0" x2="{CHART_WIDTH}" y1="{base:.1f}" y2="{base:.1f}" '
        f'stroke="currentColor"/>{"".join(bars)}</svg>'
        '<p class="key"><span><i class="roof"></i>Own roof</span>'
        '<span><i class="near"></i>Neighbours</span><span><i class="grid"></i>Grid</span>'
        '<span><i class="sold"></i>Sold to the grid</span></p>'
        "<details><summary>The same as a table, in kWh</summary><table><tr><th>Half-hour</th>"
        "<th>Own roof</th><th>Neighbours</th><th>From the grid</th><th>To the grid</th></tr>"
        f"{''.join(rows)}</table></details></div>"
    )


def _rect(css: str, x: float, y: float, width: float, height: float) -> str:
    if height <= 0:
        return ""
    return (
        f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    )
