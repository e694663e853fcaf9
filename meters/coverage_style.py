"""How the map of readings looks: a card a month, a cell a day, its letter told by ground as well.

Letters have a contrast of at least 4.5 on every ground, in light, in dark and on paper.

>>> "http" in STYLE or "@import" in STYLE
False
"""

STYLE = """
:root { --ground: #faf7f2; --card: #fff; --line: #e6e0d6; --ink: #1e2a30; --quiet: #5a656b;
  --action: #1f5c42; --complete: #e3f2e9; --late: #d6e6f5; --edited: #e6defa;
  --estimated: #fbe9b7; --suspect: #ffd2b0; --missing: #f6c3c3; --late-heavy: #a9cdee;
  --edited-heavy: #cbb8f3; --estimated-heavy: #f3cc5c; --suspect-heavy: #ff9f5c;
  --missing-heavy: #ee8f8f; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #131c18; --card: #1c2823; --line: #33433b; --ink: #eaf0ec; --quiet: #a9b8b0;
    --action: #7fcfa6; --complete: #1f3d2e; --late: #1d3a55; --edited: #3a2f5c;
    --estimated: #4f4010; --suspect: #5c3413; --missing: #5e2328; --late-heavy: #25558a;
    --edited-heavy: #57439a; --estimated-heavy: #735900; --suspect-heavy: #8f4a0c;
    --missing-heavy: #94303a; }
}
* { box-sizing: border-box; margin: 0; }
html { font-size: 16px; }
body { background: var(--ground); color: var(--ink); line-height: 1.4;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem 1rem 2rem; display: grid; gap: 0.75rem;
  grid-template-columns: minmax(0, 1fr); }
h1 { font-size: 1.0625rem; }
h2 { font-size: 0.9375rem; font-weight: 500; color: var(--quiet); margin-bottom: 0.5rem; }
header p, .quiet { color: var(--quiet); font-size: 0.9375rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 16px;
  padding: 1rem; min-width: 0; }
.said { font-size: 1.25rem; line-height: 1.35; color: var(--action); font-weight: 600; }
nav ul, .legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap;
  gap: 0.375rem 1rem; }
.legend { margin-bottom: 0.5rem; }
.legend li { display: flex; }
a { color: var(--action); }
.scroll { overflow: auto; max-height: 80vh; }
.scroll:focus-visible { outline: 2px solid var(--action); outline-offset: 2px; }
table { border-collapse: separate; border-spacing: 0; font-size: 0.8125rem; }
.sums { width: 100%; }
.sums td, .sums thead th { white-space: nowrap; overflow-wrap: normal; }
th, td { text-align: right; padding: 0.25rem 0 0.25rem 0.5rem; }
th:first-child { text-align: left; padding-left: 0; font-weight: 400; }
thead th { font-weight: 400; color: var(--quiet); position: sticky; top: 0;
  background: var(--card); z-index: 1; }
tbody th { position: sticky; left: 0; background: var(--card); max-width: 16rem; }
thead th:first-child { left: 0; z-index: 2; }
.sums tbody tr > * { border-top: 1px solid var(--line); }
tfoot > tr > * { border-top: 2px solid var(--ink); font-weight: 700; }
.map th, .map td { text-align: center; padding: 0; min-width: 1.625rem; height: 1.625rem;
  border: 1px solid var(--card); }
.sums th:first-child, .map th:first-child { text-align: left; padding-right: 0.5rem; min-width: 9rem; }
.mark { flex: none; width: 1.625rem; height: 1.625rem; line-height: 1.625rem;
  text-align: center; font-size: 0.8125rem; margin-right: 0.375rem; }
.complete { background: var(--complete); }
.late { background: var(--late); }
.edited { background: var(--edited); }
.estimated { background: var(--estimated); }
.suspect { background: var(--suspect); }
.missing { background: var(--missing); }
.late.heavy { background: var(--late-heavy); }
.edited.heavy { background: var(--edited-heavy); }
.estimated.heavy { background: var(--estimated-heavy); }
.suspect.heavy { background: var(--suspect-heavy); }
.missing.heavy { background: var(--missing-heavy); }
.heavy { font-weight: 700; }
@media print {
  :root { --ground: #fff; --card: #fff; --line: #bbb; --ink: #000; --quiet: #333; --action: #000;
    --complete: #fff; --late: #eee; --edited: #eee; --estimated: #ddd; --suspect: #ddd;
    --missing: #ccc; --late-heavy: #ccc; --edited-heavy: #ccc; --estimated-heavy: #bbb;
    --suspect-heavy: #aaa; --missing-heavy: #999; }
  @page { size: A4 landscape; margin: 12mm; }
  html { font-size: 9pt; }
  main { padding: 0; max-width: none; }
  .card { border-radius: 0; border-width: 1px 0 0; padding: 0.5rem 0; }
  .scroll { overflow: visible; max-height: none; }
  thead th, tbody th { position: static; }
  tr { break-inside: avoid; }
  h2 { break-after: avoid; }
  nav { display: none; }
  .map td, .mark { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
"""The whole style sheet."""
