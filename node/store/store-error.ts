/** Codes of a store that cannot be opened. Each message says what is wrong and what to do about it. */
import { SeracError } from '../../cluster/errors.ts'

export type StoreErrorCode =
  /** Another process has the directory open. */
  | 'STORE_LOCKED'
  /** This process has the directory open already. */
  | 'STORE_OPEN_TWICE'
  /** `FORMAT` cannot be read, or is missing beside stored data. */
  | 'FORMAT_DAMAGED'
  /** The directory was written by a release whose format this one does not know. */
  | 'FORMAT_UNKNOWN'
  /** The directory belongs to another node. */
  | 'STORE_FOREIGN'
  /** The directory was copied or restored (R8). */
  | 'STORE_COPIED'
  /** `seg/` is not the directory that the index was written for: its file system is not mounted. */
  | 'SEGMENTS_MISSING'
  /** LevelDB cannot open a database. */
  | 'DATABASE_UNREADABLE'

/** Thrown when a store is opened. */
export class StoreError extends SeracError {
  declare readonly code: StoreErrorCode

  // oxlint-disable-next-line no-useless-constructor -- narrows the code's type
  constructor(code: StoreErrorCode, message: string, fields: Record<string, unknown> = {}, cause?: unknown) {
    super(code, message, fields, cause)
    this.name = 'StoreError'
  }
}
