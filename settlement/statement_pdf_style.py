"""How a statement is set as a PDF: a Typst document that takes its words and figures as data.

The data come as JSON and are set as text: nothing in them is markup. Fonts are those inside the
library, never the machine's, so that the same statement gives the same bytes everywhere. Ordinary
print is 12 points; large print is 20, which in this narrow letter looks as large as 18 in a wide one.

>>> "read(" in SOURCE or "import " in SOURCE  # it opens nothing
False
"""

SOURCE = r"""
#let page-data = json(bytes(sys.inputs.page))
#let large = page-data.large
#let ink = luma(0)
#let quiet = if large { luma(0) } else { luma(70) }
#let hair = (if large { 1pt } else { 0.5pt }) + (if large { luma(0) } else { luma(160) })
#let rule = (if large { 2pt } else { 1pt }) + luma(0)

#set document(title: page-data.title, author: page-data.community, date: none)
#set text(
  font: ("Libertinus Serif", "DejaVu Sans Mono"), lang: "en", region: "GB",
  size: if large { 20pt } else { 12pt }, fill: ink, hyphenate: false,
  number-type: "lining", number-width: "tabular",
)
#set par(justify: false, leading: 0.6em, spacing: 0.75em)
#set page(
  paper: "a4", margin: (x: 18mm, top: 18mm, bottom: 22mm),
  footer: context [
    #set text(size: if large { 18pt } else { 10pt }, fill: quiet)
    #page-data.foot #h(1fr) Page #counter(page).display() of #counter(page).final().first()
  ],
)
#show heading.where(level: 1): set text(size: 1.35em)
#show heading.where(level: 2): set text(size: 1.15em)
#show heading.where(level: 2): set block(above: 1.6em, below: 0.7em, sticky: true)
#show regex("\S{24,}"): it => it.text.clusters().chunks(8).map(some => some.join()).join(box(width: 0pt))

#let said(words) = block(text(fill: quiet, words), below: 0.8em)

#let heads(columns) = columns.enumerate().map(((place, words)) => table.cell(
  align: if place == 0 { left + bottom } else { right + bottom },
  text(weight: "semibold", words),
))

#let figures(it, rows, with-total: true) = {
  let count = it.columns.len()
  let cells = rows.map(row => row.enumerate().map(((place, cell)) => {
    if it.key == "checks" and place == count - 1 {
      text(font: "DejaVu Sans Mono", size: 0.9em, cell)
    } else if it.key != "charges" and place == 0 { box(cell) } else { cell }
  })).flatten()
  block(width: if count <= 4 and with-total and not large { 75% } else { 100% }, table(
    columns: (1fr,) + (auto,) * (count - 1),
    align: (column, _) => if column == 0 { left } else { right },
    inset: (x, _) => (
      left: if x == 0 { 0pt } else { 0.45em }, right: if x == count - 1 { 0pt } else { 0.45em },
      top: 0.32em, bottom: 0.32em,
    ),
    stroke: (_, y) => if y > 0 { (top: hair) },
    table.header(..heads(it.columns), repeat: true),
    table.hline(stroke: rule),
    ..cells,
    ..if with-total and it.total != none {
      (
        table.hline(stroke: rule),
        table.footer(..it.total.map(cell => text(weight: "bold", cell)), repeat: false),
      )
    },
  ))
}

#let halved(it) = {
  let half = calc.ceil(it.rows.len() / 2)
  grid(
    columns: (1fr, 1fr), column-gutter: 1.5em,
    figures(it, it.rows.slice(0, half), with-total: false),
    figures(it, it.rows.slice(half), with-total: false),
  )
}

#let section(it) = {
  heading(level: 2, it.title)
  if it.intro != "" { block(said(it.intro), sticky: true) }
  if it.halved { halved(it) } else if it.rows.len() <= 10 {
    block(breakable: false, figures(it, it.rows))
  } else { figures(it, it.rows) }
  if it.note != "" { said(it.note) }
}

#let sums(it) = {
  heading(level: 2, it.title)
  let (..others, last) = it.rows
  // Words and an amount a line: a reader says them one after the other, so it is no table.
  block(breakable: false, width: if large { 100% } else { 75% }, grid(
    columns: (1fr, auto), align: (left, right), inset: (x: 0pt, y: 0.4em),
    stroke: (_, y) => if y > 0 { (top: hair) },
    ..others.flatten(),
    grid.hline(stroke: rule),
    ..last.map(cell => text(weight: "bold", cell)),
  ))
}

#let notes(it) = {
  heading(level: 2, it.title)
  block(breakable: false, for words in it.words { said(words) })
}

#let payments(it) = {
  heading(level: 2, it.title)
  table(
    columns: (auto, 1fr, auto), align: (left, left, right),
    inset: (x, _) => (
      left: if x == 0 { 0pt } else { 0.45em }, right: if x == 2 { 0pt } else { 0.45em },
      top: 0.4em, bottom: 0.4em,
    ),
    stroke: (_, y) => if y > 0 { (top: hair) },
    table.header(..("Day", "With", "Amount").enumerate().map(((place, words)) => table.cell(
      align: if place == 2 { right } else { left }, text(weight: "semibold", words),
    ))),
    table.hline(stroke: rule),
    ..it.rows.flatten(),
  )
}

= #page-data.community
#block(text(size: 1.1em, page-data.subtitle))
#block(page-data.account)
#block(text(weight: "semibold", page-data.not_the_bill), below: 1.8em)
#block(below: 0.9em)[You have]
#block(text(size: 2.4em, weight: "bold", page-data.amount), below: 0.9em)
#block(page-data.of_when)
#for words in page-data.limits { said(words) }
#block(text(weight: "bold", size: 1.1em, page-data.comparison), above: 1.2em)
#said(page-data.progress)
#if page-data.leaving.len() > 0 {
  heading(level: 2)[What happens next]
  for words in page-data.leaving { block(words) }
}
#for it in page-data.sections {
  if it.kind == "sums" { sums(it) } else if it.kind == "notes" { notes(it) } else if it.kind == "payments" { payments(it) } else {
    section(it)
  }
}
"""
"""The whole document; ``sys.inputs.page`` is a page as `statement_pdf` writes it."""
