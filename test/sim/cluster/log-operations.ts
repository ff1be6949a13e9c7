/**
 * The registers of the simulation hold the ids of the changes made to them, in order: every read tells the whole past of
 * the register since it was created. Otherwise they behave as image records do: an id that was used stays taken, a
 * tombstone refuses changes.
 */
import type { OperationTable, RecordState, Refusal } from '../../../cluster/register/operations.ts'
import { decodeValue } from '../../../cluster/register/register-value.ts'

export interface ChangeArgs {
  /** Unique over the whole run. */
  id: number
  /** For `swap`: the id that must be the last one. */
  expected: number | null
}

/** What a register holds, as text: `''` never used, `+1,2` alive after changes 1 and 2, `-1,2,3` deleted by 3. */
export type LogText = string

export const NEVER_USED: LogText = ''
export const REFUSALS = ['CONFLICT', 'NOT_FOUND', 'MISMATCH'] as const
export type RefusalCode = (typeof REFUSALS)[number]

export const logOperations: OperationTable = {
  create: (current, args) => (current ? refuse('CONFLICT') : write([(args as ChangeArgs).id])),
  append: (current, args) =>
    isAlive(current) ? write([...ids(current), (args as ChangeArgs).id]) : refuse('NOT_FOUND'),
  swap: (current, args) => {
    if (!isAlive(current)) return refuse('NOT_FOUND')
    const { id, expected } = args as ChangeArgs
    return ids(current).at(-1) === expected ? write([...ids(current), id]) : refuse('MISMATCH')
  },
  touch: (current) => (isAlive(current) ? { kind: 'keep' } : refuse('NOT_FOUND')),
  delete: (current, args) =>
    isAlive(current)
      ? { kind: 'write', next: { live: false, record: [...ids(current), (args as ChangeArgs).id] } }
      : refuse('NOT_FOUND'),
}

export function logText({ live, record }: RecordState): LogText {
  return `${live ? '+' : '-'}${(record as number[]).join(',')}`
}

/** Of an encoded register value. */
export function logTextOf(value: Uint8Array): LogText {
  return logText(decodeValue(value))
}

/** The ids in a log, in order. */
export function idsIn(text: LogText): number[] {
  return text.length > 1 ? text.slice(1).split(',').map(Number) : []
}

function ids(current: RecordState): number[] {
  return current.record as number[]
}

function isAlive(current: RecordState | null): current is RecordState {
  return current?.live === true
}

function write(record: number[]) {
  return { kind: 'write', next: { live: true, record } } as const
}

function refuse(code: RefusalCode) {
  return { kind: 'refuse', refusal: { code, message: code } satisfies Refusal } as const
}
