"""How a statement looks in large print: 18 points and more, one column, black on white.

By the UK Association for Accessible Formats' *Creating clear print and large print documents*: no
less than 18 points, no italics, capitals or grey, text to the left. Where the page is too narrow for a
table, as on a phone or at 200 % zoom, each figure stands on a line of its own with its head.

>>> "http" in LARGE_STYLE or "@import" in LARGE_STYLE
False
"""

LARGE_STYLE = """
* { box-sizing: border-box; margin: 0; }
html { font-size: 18pt; }
body { background: #fff; color: #000; line-height: 1.5; font-weight: 500;
  font-family: Arial, "Liberation Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; text-align: left; }
main { max-width: 34em; margin: 0 auto; padding: 0.75em; }
main > *, .pair > * { margin-bottom: 1.5em; }
h1 { font-size: 1.5em; line-height: 1.25; }
h2 { font-size: 1.2em; line-height: 1.25; margin-bottom: 0.5em; }
header p + p { margin-top: 0.25em; }
p + p, table + p, p + table { margin-top: 0.5em; }
.number { font-size: 2em; font-weight: 700; line-height: 1.25; }
.said p:first-child { font-weight: 700; }
.card { border-top: 3px solid #000; padding-top: 0.75em; }
dl { max-width: 26em; }
dl > div { padding: 0.5em 0; border-top: 1px solid #000; display: flex; flex-wrap: wrap;
  justify-content: space-between; column-gap: 1em; }
dl > div:first-child { border-top: 0; }
dt { flex: 1 1 8em; }
dd { font-weight: 700; white-space: nowrap; margin-left: auto; }
.sums div:last-child { border-top: 3px solid #000; font-weight: 700; }
.payments .quiet { display: block; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: 0.3em 0 0.3em 0.6em; vertical-align: bottom; font-weight: 500;
  border-bottom: 1px solid #000; white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; white-space: normal; }
thead th { font-weight: 700; border-bottom: 3px solid #000; white-space: pre;
  overflow-wrap: normal; }
tfoot th:first-child, tfoot td { font-weight: 700; border-bottom: 0; border-top: 3px solid #000; }
@media screen and (max-width: 44rem) {
  table, thead, tbody, tfoot, tr, td, tbody th:first-child, tfoot th:first-child {
    display: block; width: 100%; text-align: left; border: 0; padding: 0; }
  thead { position: absolute; left: -200vw; width: 1px; overflow: hidden; }
  tr { padding: 0.5em 0; border-bottom: 1px solid #000; }
  tbody th:first-child, tfoot th:first-child, tfoot td { font-weight: 700; border: 0; }
  tfoot tr { border-top: 3px solid #000; border-bottom: 0; }
  td { white-space: normal; }
  td::before { content: attr(data-head) ": "; font-weight: 500; }
  td:empty { display: none; }
}
@media print {
  @page { size: A4; margin: 15mm; }
  main { max-width: none; padding: 0; }
  thead { display: table-header-group; }
  tfoot { display: table-row-group; }
  tr, .first, .said, .sums, .charges, .adjustments, .grid, .tariffs, .notes { break-inside: avoid; }
  .payments dl > div, .leaving p { break-inside: avoid; }
  h2, thead, tbody tr:last-child { break-after: avoid; }
}
"""
"""The whole style sheet."""
