/** Reads Glance's tables from a SQLite file, which is never written to: it is read as a whole and opened in memory. */
import { readFile, stat } from 'node:fs/promises'
import type { Database } from 'sql.js'
import { emptyTables, GLANCE_TABLES, type GlanceTables, type Row } from './glance-tables.ts'

export const SQLITE_MAGIC = 'SQLite format 3\0'
/** Read and write version in the header: 2 means that changes go to a log beside the file first, 1 that they do not. */
const VERSIONS_AT = 18
const WITHOUT_LOG = Buffer.from([1, 1])

/** Throws an Error that says what is wrong with the file. */
export async function readSqliteTables(path: string): Promise<GlanceTables> {
  const logBytes = await stat(`${path}-wal`).then(
    ({ size }) => size,
    () => 0,
  )
  if (logBytes > 0)
    throw new Error(
      `${path} is in use: ${path}-wal has changes that are not in it yet. ` +
        `Import from a copy: sqlite3 ${path} ".backup copy.sqlite"`,
    )
  const bytes = await readFile(path)
  WITHOUT_LOG.copy(bytes, VERSIONS_AT)
  const { default: initSqlJs } = await import('sql.js')
  const { Database: Opened } = await initSqlJs()
  const database = new Opened(bytes)
  try {
    return tablesIn(database, path)
  } finally {
    database.close()
  }
}

function tablesIn(database: Database, path: string): GlanceTables {
  const tables = emptyTables()
  for (const table of GLANCE_TABLES) {
    try {
      tables[table] = rowsOf(database, table)
    } catch (error) {
      throw new Error(`${path} is no database of a Glance: ${(error as Error).message}`, { cause: error })
    }
  }
  return tables
}

function rowsOf(database: Database, table: string): Row[] {
  const statement = database.prepare(`select * from ${table}`)
  const rows: Row[] = []
  try {
    while (statement.step()) rows.push(statement.getAsObject() as Row)
  } finally {
    statement.free()
  }
  return rows
}
