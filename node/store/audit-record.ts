/** Where the auditor keeps how far it has come, across restarts. */
import { hasCode } from '../../cluster/errors.ts'
import { auditRows, type AuditMark } from './chunk-rows.ts'
import type { Database } from './database.ts'
import { Table } from './table.ts'

export class AuditRecord {
  readonly #database: Database
  readonly #rows: Table<null, AuditMark>

  constructor(database: Database) {
    this.#database = database
    this.#rows = new Table(database, auditRows)
  }

  /** Null when nothing was written yet, or what was written cannot be read: a pass then begins anew. */
  load(): AuditMark | null {
    try {
      return this.#rows.get(null)
    } catch (error) {
      if (hasCode(error, 'CORRUPT_VALUE')) return null
      throw error
    }
  }

  /** Resolves when durable. Throws STORE_NOT_WRITABLE. */
  save(mark: AuditMark): Promise<void> {
    return this.#database.write([this.#rows.put(null, mark)])
  }
}
