/**
 * Operations change registers (rule R3): named, versioned, pure functions of the record and their arguments (time
 * included), evaluated inside the register by whichever node proposes. The owner of the records supplies the table.
 */
import { ClusterError } from '../errors.ts'

/** A record, alive or a tombstone. What a record holds is the business of the operations. */
export interface RecordState {
  live: boolean
  record: unknown
}

/** Why an operation changed nothing; travels to the origin of the request and becomes its answer. */
export interface Refusal {
  code: string
  message: string
}

export type Decision =
  | { kind: 'write'; next: RecordState }
  /** Nothing to change, and that is a success. */
  | { kind: 'keep' }
  | { kind: 'refuse'; refusal: Refusal }

/** Must depend on nothing but its arguments: it runs again on every retry, maybe on another node. */
export type Operation = (current: RecordState | null, args: unknown) => Decision

/** Name, with its version as suffix where it ever changed meaning, to function. */
export type OperationTable = Readonly<Record<string, Operation>>

/** An operation on its way to a register. */
export interface OperationCall {
  name: string
  args: unknown
  /** Minted by the node that took the request, kept for all its retries and forwards (R4). 32 hex digits. */
  opId: string
}

/** Throws UNKNOWN_OPERATION: an older node must refuse what a newer one asks, never guess (R3). */
export function findOperation(table: OperationTable, name: string): Operation {
  const operation = Object.hasOwn(table, name) ? table[name] : undefined
  if (!operation)
    throw new ClusterError(
      'UNKNOWN_OPERATION',
      `this node does not know the operation ${name}: it runs an older release`,
    )
  return operation
}
