"""How a printed or shown statement looks: paper, cards, figures that line up.

Large print has a style sheet of its own.

Colours carry a word or a place as well; text has a contrast of at least 4.5 on its ground.

>>> "http" in STYLE or "@import" in STYLE
False
"""

STYLE = """
:root { --ground: #faf7f2; --card: #fff; --line: #e6e0d6; --ink: #1e2a30; --quiet: #5a656b;
  --action: #1f5c42; --neighbours: #2f7d5b; --sold: #3b78a8; --gap: #8a8578; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #131c18; --card: #1c2823; --line: #33433b; --ink: #eaf0ec; --quiet: #a9b8b0;
    --action: #7fcfa6; --neighbours: #4fae83; --sold: #6aa9da; --gap: #8fa198; }
}
* { box-sizing: border-box; margin: 0; }
html { font-size: 16px; }
body { background: var(--ground); color: var(--ink); line-height: 1.4;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
main { max-width: 54rem; margin: 0 auto; padding: 1rem 1rem 2rem; display: grid; gap: 0.75rem;
  grid-template-columns: minmax(0, 1fr); }
h1 { font-size: 1.0625rem; }
h2 { font-size: 0.9375rem; font-weight: 500; color: var(--quiet); margin-bottom: 0.5rem; }
header p, .quiet { color: var(--quiet); font-size: 0.9375rem; font-weight: 400; }
.first { padding: 0.75rem 0 0.5rem; }
.first h2 { margin: 0; }
.number { font-size: 2.875rem; font-weight: 700; line-height: 1.15; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 16px;
  padding: 1rem; min-width: 0; overflow-x: auto; }
.said p:first-child { font-size: 1.25rem; line-height: 1.35; color: var(--action);
  font-weight: 600; margin-bottom: 0.25rem; }
dl > div { display: flex; justify-content: space-between; gap: 1rem; padding: 0.625rem 0;
  border-top: 1px solid var(--line); }
dl > div:first-child { border-top: 0; padding-top: 0; }
dl > div:last-child { padding-bottom: 0; }
dd { font-weight: 600; white-space: nowrap; text-align: right; }
.sums div:last-child { font-weight: 700; border-top: 2px solid var(--ink); }
.sums div:last-child dd { font-weight: 700; }
figure p, figure text { font-size: 0.8125rem; color: var(--quiet); fill: var(--quiet); }
figure text { text-anchor: middle; }
svg { display: block; overflow: visible; }
svg.when { height: 1.5rem; font-size: 0.8125rem; }
rect.bought { fill: var(--neighbours); }
rect.sold { fill: var(--sold); }
rect.gap { fill: none; stroke: var(--gap); stroke-dasharray: 4 4; }
line.base { stroke: var(--ink); stroke-width: 1; }
.payments .quiet { display: block; }
.pair { display: grid; gap: 0.75rem; grid-template-columns: minmax(0, 1fr); }
table { width: 100%; border-collapse: collapse; font-size: 0.8125rem; }
th, td { text-align: right; padding: 0.3125rem 0 0.3125rem 0.5rem; vertical-align: bottom; }
th:first-child { text-align: left; padding-left: 0; font-weight: 400; white-space: nowrap; }
thead th { font-weight: 400; color: var(--quiet); overflow-wrap: normal;
  white-space: pre-line; }
tbody tr { border-top: 1px solid var(--line); }
tfoot tr { border-top: 2px solid var(--ink); }
tfoot th:first-child, tfoot td { font-weight: 700; }
td { white-space: nowrap; }
.checks td:last-child { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
.notes p { color: var(--quiet); font-size: 0.9375rem; margin-top: 0.375rem; }
header strong { color: var(--ink); font-weight: 600; }
@media (min-width: 46rem) { .pair { grid-template-columns: 5fr 4fr; } }
@media print {
  :root { --ground: #fff; --card: #fff; --line: #bbb; --ink: #000; --quiet: #333; --action: #000;
    --neighbours: #555; --sold: #aaa; --gap: #666; }
  @page { size: A4; margin: 14mm; }
  html { font-size: 12pt; }
  main { padding: 0; max-width: none; gap: 0.5rem; }
  .card { border-radius: 0; border-width: 1px 0 0; padding: 0.5rem 0; overflow: visible; }
  .card, .pair, tr, dl > div { break-inside: avoid; }
  .payments, .checks { break-inside: auto; }
  tfoot { display: table-row-group; }
  dl > div { padding: 0.25rem 0; }
  .payments .quiet { display: inline; }
  h2, tbody tr:last-child { break-after: avoid; }
  table { font-size: 0.875rem; }
  .number { font-size: 2rem; }
  svg rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .pair { grid-template-columns: 5fr 4fr; gap: 1.5rem; }
  th, td { padding-top: 0.125rem; padding-bottom: 0.125rem; }
}
"""
"""The whole style sheet."""
