/**
 * Reads Glance's tables from what mysqldump or mariadb-dump wrote. They put line feeds within texts as `\n`, so that a
 * statement ends with the first line that ends with a semicolon.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { emptyTables, GLANCE_TABLES, type GlanceTable, type GlanceTables, type Row } from './glance-tables.ts'

type Value = string | number | null

const CREATE = /^CREATE TABLE (?:IF NOT EXISTS )?`(\w+)` \($/
const INSERT = /^INSERT INTO `(\w+)` /
const COLUMN = /^\s+`(\w+)` /
const COLUMN_LIST = /^INSERT INTO `\w+` (?:\(([^)]*)\) )?VALUES\s*/
/** A value and what follows it. */
const VALUE = /\s*(?:(?:_\w+ )?'((?:[^'\\]+|\\[^]|'')*)'|0x([0-9A-Fa-f]+)|([^,()']+))\s*([,)])/y
const ROW_START = /\s*,?\s*\(/y
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', 0: '\0', Z: '\x1a' }

/** Throws an Error that says what is wrong with the file. */
export async function readMysqlDump(path: string): Promise<GlanceTables> {
  const reader = new DumpReader()
  const input = createReadStream(path, { encoding: 'utf8' })
  for await (const line of createInterface({ input, crlfDelay: Infinity })) reader.add(line)
  return reader.end(path)
}

class DumpReader {
  readonly #tables = emptyTables()
  readonly #columns = new Map<GlanceTable, string[]>()
  #creating: GlanceTable | null = null
  #inserting: { table: GlanceTable; lines: string[] } | null = null

  add(line: string): void {
    if (this.#inserting) return this.#addInsert(line)
    if (this.#creating) return this.#addColumn(this.#creating, line)
    const created = tableNamed(CREATE.exec(line)?.[1])
    if (created) {
      this.#creating = created
      this.#columns.set(created, [])
      return
    }
    const table = tableNamed(INSERT.exec(line)?.[1])
    if (!table) return
    this.#inserting = { table, lines: [] }
    this.#addInsert(line)
  }

  end(path: string): GlanceTables {
    const missing = GLANCE_TABLES.filter((table) => !this.#columns.has(table))
    if (missing.length > 0)
      throw new Error(`${path} has no table ${missing.join(', ')}: it is no dump of a Glance.`)
    if (this.#inserting)
      throw new Error(`${path} ends within the table ${this.#inserting.table}: it was cut off.`)
    return this.#tables
  }

  #addColumn(table: GlanceTable, line: string): void {
    const column = COLUMN.exec(line)?.[1]
    if (column !== undefined) this.#columns.get(table)!.push(column)
    else if (line.startsWith(')')) this.#creating = null
  }

  #addInsert(line: string): void {
    const { table, lines } = this.#inserting!
    lines.push(line)
    if (!line.trimEnd().endsWith(';')) return
    this.#inserting = null
    const statement = lines.join('\n')
    const head = COLUMN_LIST.exec(statement)
    if (!head)
      throw new Error(`A statement about the table ${table} cannot be read: ${statement.slice(0, 80)}`)
    const columns =
      head[1]?.split(',').map((name) => name.trim().replaceAll('`', '')) ?? this.#columns.get(table)!
    for (const values of rowsIn(statement, head[0].length))
      this.#tables[table].push(rowOf(table, columns, values))
  }
}

function* rowsIn(statement: string, start: number): Generator<Value[]> {
  let at = start
  for (;;) {
    ROW_START.lastIndex = at
    if (!ROW_START.test(statement)) return
    at = ROW_START.lastIndex
    const values: Value[] = []
    for (let follows = ','; follows === ',';) {
      VALUE.lastIndex = at
      const match = VALUE.exec(statement)
      if (!match) throw new Error(`A value cannot be read: ${statement.slice(at, at + 80)}`)
      values.push(valueOf(match))
      follows = match[4]!
      at = VALUE.lastIndex
    }
    yield values
  }
}

function valueOf([, quoted, hex, plain = '']: readonly (string | undefined)[]): Value {
  if (quoted !== undefined)
    return quoted.replace(/\\([^])|''/g, (_, escaped?: string) =>
      escaped === undefined ? "'" : (ESCAPES[escaped] ?? escaped),
    )
  if (hex !== undefined) return Buffer.from(hex, 'hex').toString('utf8')
  const text = plain.trim()
  return text.toUpperCase() === 'NULL' ? null : text
}

function rowOf(table: GlanceTable, columns: readonly string[], values: readonly Value[]): Row {
  if (columns.length !== values.length)
    throw new Error(`A row of the table ${table} has ${values.length} values for ${columns.length} columns.`)
  return Object.fromEntries(columns.map((column, index) => [column, values[index]!]))
}

function tableNamed(name: string | undefined): GlanceTable | undefined {
  return GLANCE_TABLES.find((table) => table === name)
}
