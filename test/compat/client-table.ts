/** Reads the tables that `glance` prints; it knows no other form of output. */

/** The cells of each row below the heading. A row without a first cell goes on with the texts of the row before. */
export function tableRows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  const rows: string[][] = []
  for (const line of lines.slice(1)) {
    const cells = line.split('|').slice(1, -1)
    const last = rows.at(-1)
    if (cells[0]?.trim() || last === undefined) rows.push(cells.map((cell) => cell.trim()))
    else last.forEach((cell, index) => (last[index] = cell + (cells[index] ?? '').trim()))
  }
  return rows
}

/** A table of the columns Property and Value. */
export function propertyTable(text: string): Record<string, string> {
  return Object.fromEntries(tableRows(text).map(([name = '', value = '']) => [name, value]))
}
