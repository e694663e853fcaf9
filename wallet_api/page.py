"""The first page: what is here, for a person with a browser. No script, no outside request.

>>> "script" in CONTENT_POLICY
False
"""

import html
from collections.abc import Sequence
from typing import Any

from ledger import log_store
from ledger.primitives.counted import counted
from ledger.primitives.energy import format_kwh
from ledger.primitives.money import format_price
from ledger.primitives.periods import load_zone, local_date
from settlement.community import Community
from settlement.forecast import DayForecast, NotYet
from settlement.open_data_store import OpenDay, total_matched_wh
from wallet_api.forecast_card import forecast_card
from wallet_api.open_chart import day_card, told_words

CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Nothing may be loaded from anywhere, and no page may frame it; styles stand in the page."""

STYLE = """
:root{color-scheme:light dark;--paper:#faf7f2;--card:#fff;--line:#e6e0d6;--ink:#1d2a2e;
--soft:#55646a;--near:#2f7d5b;--grid:#b9bfc2;--taken:#d7dcdd;--sold:#3b78a8;--act:#1f5c42}
@media(prefers-color-scheme:dark){:root{--paper:#141d1a;--card:#1c2723;--line:#31403a;
--ink:#eef2ee;--soft:#a9b8b1;--near:#57b58a;--grid:#7c878a;--taken:#4a5558;--sold:#6ba7d6;--act:#8fd0b2}}
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
color:var(--act);font-weight:600;min-height:44px;padding:10px 0}.key span{margin-right:16px;display:inline-block}
.key i{display:inline-block;width:14px;height:14px;border-radius:4px;vertical-align:-2px;
margin-right:6px}.near{fill:var(--near);background:var(--near)}.grid{fill:var(--grid);
background:var(--grid)}.taken{fill:var(--taken);stroke:var(--grid);background:var(--taken)}.sold{fill:var(--sold);
background:var(--sold)}.untold{fill:none;stroke:var(--soft);stroke-dasharray:2 2;border:1px dashed var(--soft)}
"""

LINKS = (
    ("/docs", "The interface", "every address; /openapi.json for programs"),
    ("/v1/community", "This community", "as JSON"),
    ("/v1/forecast", "The next two days", "when to wash, as JSON"),
    ("/open", "Open data", "every half-hour, for anybody to use"),
    ("/log/checkpoint", "The signed checkpoint", "keep it: later audits are compared with it"),
    ("/log.vkey", "The log's public key", "what an auditor checks signatures with"),
)


def first_page(
    community: Community, days: Sequence[OpenDay], ahead: Sequence[DayForecast | NotYet]
) -> str:
    """Return the page of a community.

    Args:
        community: whose.
        days: its published days: every figure is from them, so that the page tells no more.
        ahead: forecasts of the next days, made from them as well.
    """
    rules = community.state.rules_now
    with community.reading() as connection:
        size, _, _ = log_store.head(connection, community.writer.community)
    name = html.escape(community.name)
    members, settled = len(community.state.members), counted(len(days), "settled day")
    matched_wh = total_matched_wh(days)
    if matched_wh is None:
        big = settled if days else "No settled day yet"
        sentence = counted(members, "neighbour")
        if days:
            sentence += f"; {told_words([row for day in days for row in day.rows])}"
    else:
        big = f"{format_kwh(matched_wh, 0)} kWh"
        sentence = (
            f"shared between {members} neighbours in {settled}{_price_sentence(community)}, "
            "counting the half-hours that may be told"
        )
    parts = [
        f"<h1>{name}</h1>",
        f'<p class="big">{big}</p>',
        f'<p class="soft">{sentence}.</p>',
    ]
    if rules.replay:
        parts.append(
            '<p class="card">This community replays past or simulated readings: its clock is '
            "simulated.</p>"
        )
    if matched_wh is not None:
        parts.append(day_card(days[-1].day, rules.zone, days[-1].rows))
    zone = load_zone(rules.zone)
    today = local_date(community.writer.now_period(), zone)
    parts.append(forecast_card(ahead, rules.market, zone, today))
    parts.append(_links())
    parts.append(
        f'<div class="card"><h2>Trust nobody</h2><p>The log has {size:,} signed entries. Check all '
        "of it on your own machine:</p><p><code>commonwatt audit export street.zip</code><br>"
        "<code>python -m settlement.audit street.zip --vkey KEY</code></p>"
        '<p>Or in the browser, where the file stays with you: <a href="/auditor/">check a ledger</a>.</p>'
        "<p>KEY is the log's key, at <code>/log.vkey</code>: write it down, and compare it with what your "
        "neighbours wrote down.</p></div>"
    )
    return document(name, "".join(parts))


def interface_page(schema: dict[str, Any]) -> str:
    """Return a list of the interface's addresses, from its OpenAPI description."""
    rows = "".join(
        f"<tr><td>{method.upper()}</td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation.get('summary', ''))}</td></tr>"
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    )
    return document(
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


def document(title: str, body: str) -> str:
    """Return a whole page of a title and what stands in it; both are HTML."""
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
