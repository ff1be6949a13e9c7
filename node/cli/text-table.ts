/** Columns of text, wide enough for their longest cell; no frames, so that 80 columns suffice. */

export interface TextColumn<Row> {
  title: string
  cell: (row: Row) => string
  /** Numbers are easier to compare that way. */
  alignRight?: true
}

/** One line per row below a line of titles. */
export function textTable<Row>(columns: readonly TextColumn<Row>[], rows: readonly Row[]): string[] {
  const padded = columns.map(({ title, cell, alignRight }) => {
    const cells = [title, ...rows.map(cell)]
    const width = Math.max(...cells.map((text) => text.length))
    return cells.map((text) => (alignRight ? text.padStart(width) : text.padEnd(width)))
  })
  return [null, ...rows].map((_, index) =>
    padded
      .map((cells) => cells[index])
      .join('  ')
      .trimEnd(),
  )
}
