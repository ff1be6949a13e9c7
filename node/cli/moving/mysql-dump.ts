/**
 * Reads Glance's tables from what mysqldump or mariadb-dump wrote. They put line feeds within texts as `\n`, so that a
 * statement ends with the first line that ends with a semicolon. A dump may be of a whole server: the tables are then those of
 * the one database that has all of Glance's.
 */
import { linesOf } from './dump-lines.ts'
import { emptyTables, GLANCE_TABLES, type GlanceTable, type GlanceTables, type Row } from './glance-tables.ts'

type Value = string | number | null

const CREATE = /^CREATE TABLE (?:IF NOT EXISTS )?`(\w+)` \($/
const INSERT = /^(?:INSERT|REPLACE) +(?:(?:DELAYED|IGNORE|LOW_PRIORITY) +)*INTO `(\w+)` +/
const COLUMN = /^\s+`(\w+)` /
const COLUMN_LIST = /(?:\(([^)]*)\) )?VALUES\s*/y
/** Of a dump of several databases. */
const USE = /^USE `((?:[^`]|``)+)`;/
const HEAD = /^-- (?:MySQL|MariaDB) dump /
/** Both comments are there, or none (`--skip-comments`). */
const COMPLETED = /^-- Dump completed/
const NAMES = /^(?:\/\*!\d+ )?SET NAMES (\w+)/
/** binary: the bytes as the tables have them, and Glance's are UTF-8. */
const READABLE_NAMES = /^(?:utf8|utf8mb3|utf8mb4|binary)$/i
/** Before the first `USE`. */
const ONLY_DATABASE = ''
/** A value and what follows it. */
const VALUE = /\s*(?:(?:_\w+ )?'((?:[^'\\]+|\\[^]|'')*)'|0x([0-9A-Fa-f]+)|([^,()']+))\s*([,)])/y
const ROW_START = /\s*,?\s*\(/y
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', 0: '\0', Z: '\x1a' }

/** Throws an Error that says what is wrong with the file. */
export async function readMysqlDump(path: string): Promise<GlanceTables> {
  const reader = new DumpReader(path)
  for await (const line of linesOf(path)) reader.add(line)
  return reader.end()
}

interface DumpedDatabase {
  name: string
  tables: GlanceTables
  /** Of the tables that it has. */
  columns: Map<GlanceTable, string[]>
}

class DumpReader {
  readonly #path: string
  readonly #databases = new Map<string, DumpedDatabase>()
  #current = this.#use(ONLY_DATABASE)
  #creating: GlanceTable | null = null
  #inserting: { table: GlanceTable; lines: string[] } | null = null
  #isEndWanted = false

  constructor(path: string) {
    this.#path = path
  }

  add(line: string): void {
    if (this.#inserting) return this.#addInsert(line)
    if (this.#creating) return this.#addColumn(this.#creating, line)
    const created = tableNamed(CREATE.exec(line)?.[1])
    if (created) {
      this.#creating = created
      this.#current.columns.set(created, [])
      return
    }
    const table = tableNamed(INSERT.exec(line)?.[1])
    if (!table) return this.#addOther(line)
    this.#inserting = { table, lines: [] }
    this.#addInsert(line)
  }

  end(): GlanceTables {
    const path = this.#path
    if (this.#inserting)
      throw new Error(`${path} ends within the table ${this.#inserting.table}: it was cut off.`)
    const all = [...this.#databases.values()]
    const whole = all.filter((database) => missingIn(database).length === 0)
    if (whole.length > 1)
      throw new Error(
        `${path} has several databases of a Glance: ${whole.map(({ name }) => name).join(', ')}. Dump one.`,
      )
    const [found] = whole
    if (!found) {
      const closest = all.toSorted((a, b) => missingIn(a).length - missingIn(b).length)[0]!
      throw new Error(`${path} has no table ${missingIn(closest).join(', ')}: it is no dump of a Glance.`)
    }
    if (this.#isEndWanted)
      throw new Error(`${path} does not end with "Dump completed": it was cut off, or its dump failed.`)
    return found.tables
  }

  #use(name: string): DumpedDatabase {
    const known = this.#databases.get(name)
    if (known) return known
    const database = { name, tables: emptyTables(), columns: new Map<GlanceTable, string[]>() }
    this.#databases.set(name, database)
    return database
  }

  #addOther(line: string): void {
    const used = USE.exec(line)?.[1]
    if (used !== undefined) this.#current = this.#use(used)
    if (HEAD.test(line)) this.#isEndWanted = true
    if (COMPLETED.test(line)) this.#isEndWanted = false
    const names = NAMES.exec(line)?.[1]
    if (names === undefined || READABLE_NAMES.test(names)) return
    throw new Error(
      `${this.#path} is written in ${names}: make the dump with --default-character-set=utf8mb4.`,
    )
  }

  #addColumn(table: GlanceTable, line: string): void {
    const column = COLUMN.exec(line)?.[1]
    if (column !== undefined) this.#current.columns.get(table)!.push(column)
    else if (line.startsWith(')')) this.#creating = null
  }

  #addInsert(line: string): void {
    const { table, lines } = this.#inserting!
    lines.push(line)
    if (!line.trimEnd().endsWith(';')) return
    this.#inserting = null
    const statement = lines.join('\n')
    COLUMN_LIST.lastIndex = INSERT.exec(statement)![0].length
    const head = COLUMN_LIST.exec(statement)
    if (!head)
      throw new Error(`A statement about the table ${table} cannot be read: ${statement.slice(0, 80)}`)
    const columns =
      head[1]?.split(',').map((name) => name.trim().replaceAll('`', '')) ?? this.#current.columns.get(table)
    if (!columns)
      throw new Error(
        `${this.#path} does not say which columns the table ${table} has: dump it with its definition.`,
      )
    for (const values of rowsIn(statement, COLUMN_LIST.lastIndex))
      this.#current.tables[table].push(rowOf(table, columns, values))
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

function missingIn({ columns }: DumpedDatabase): GlanceTable[] {
  return GLANCE_TABLES.filter((table) => !columns.has(table))
}

function tableNamed(name: string | undefined): GlanceTable | undefined {
  return GLANCE_TABLES.find((table) => table === name)
}
