/** Why a data directory cannot be used. Each message says what to do. */
import { SeracError } from '../../cluster/errors.ts'

export type StoreErrorCode =
  /** Another process has it open. */
  | 'STORE_IN_USE'
  /** It was written by a release that this one does not understand. */
  | 'STORE_VERSION'
  /** It belongs to another node or cluster. */
  | 'STORE_FOREIGN'
  /** It is a copy or a restored backup of a directory. */
  | 'STORE_COPIED'
  /** A part of it is gone: a mount is missing or files were removed. */
  | 'STORE_INCOMPLETE'

/** Thrown when a store is opened. */
export class StoreError extends SeracError {
  declare readonly code: StoreErrorCode

  // oxlint-disable-next-line no-useless-constructor -- narrows the code's type
  constructor(code: StoreErrorCode, message: string, fields: Record<string, unknown> = {}, cause?: unknown) {
    super(code, message, fields, cause)
    this.name = 'StoreError'
  }
}
