/** What a register may answer: the model against which histories are judged. */
import { idsIn, NEVER_USED, type LogText, type RefusalCode } from '../cluster/log-operations.ts'
import type { HistoryOp, Model } from '../linearizability.ts'

export type ChangeKind = 'create' | 'append' | 'swap' | 'touch' | 'delete'

/** `expected`: what a swap wants the last id to be. */
export interface ChangeInput {
  kind: ChangeKind
  id: number
  expected: number | null
}

export type Input =
  | ChangeInput
  /** A strong read, or what a list said of the key. */
  | { kind: 'read' | 'list' }
  /** The tombstone goes and the id becomes free (R9). */
  | { kind: 'collect' }

/**
 * A change answers DONE with the log as it was chosen, or a refusal. A read answers the log; deleted and never used look
 * alike to a client and are both `''`. A collect answers whether it found a tombstone that is gone now: two at once may share
 * one.
 */
export type Output =
  | { answer: 'DONE'; log: LogText }
  | { answer: RefusalCode }
  | { answer: 'READ'; log: LogText }
  | { answer: 'COLLECTED' | 'KEPT' }

export type LogOp = HistoryOp<Input, Output>

export const logModel: Model<LogText, Input, Output> = {
  initial: NEVER_USED,
  step(state, input, output) {
    switch (input.kind) {
      case 'read':
      case 'list':
        return output === null || ('log' in output && output.log === visible(state)) ? state : null
      case 'collect':
        return collect(state, output)
      case 'create':
      case 'append':
      case 'swap':
      case 'touch':
      case 'delete':
        return change(state, input, output)
    }
  },
  describe: (state) => state,
  isRead: (input, output) =>
    input.kind === 'touch' || !(output.answer === 'DONE' || output.answer === 'COLLECTED'),
}

/** What a client sees of a state. */
export function visible(state: LogText): LogText {
  return state.startsWith('+') ? state : NEVER_USED
}

function collect(state: LogText, output: Output | null): LogText | null {
  if (output?.answer === 'KEPT') return state
  if (output?.answer === 'COLLECTED' && state === NEVER_USED) return state
  return state.startsWith('-') ? NEVER_USED : null
}

function change(state: LogText, input: ChangeInput, output: Output | null): LogText | null {
  const [answer, next] = apply(state, input)
  // Without an outcome: only taking effect matters, a refusal changes nothing.
  if (output === null) return answer === 'DONE' && next !== state ? next : null
  if (output.answer !== answer) return null
  return 'log' in output && !isPrefix(next, output.log) ? null : next
}

function apply(state: LogText, { kind, id, expected }: ChangeInput): ['DONE' | RefusalCode, LogText] {
  if (kind === 'create') return state === NEVER_USED ? ['DONE', `+${id}`] : ['CONFLICT', state]
  if (!state.startsWith('+')) return ['NOT_FOUND', state]
  if (kind === 'touch') return ['DONE', state]
  if (kind === 'swap' && idsIn(state).at(-1) !== expected) return ['MISMATCH', state]
  return ['DONE', `${kind === 'delete' ? '-' : '+'}${state.slice(1)},${id}`]
}

/** Whether `later` may have grown out of `earlier`: what a change answers may hold later changes, too. */
function isPrefix(earlier: LogText, later: LogText): boolean {
  if (earlier === later) return true
  return earlier.startsWith('+') && later.slice(1).startsWith(`${earlier.slice(1)},`)
}

/**
 * Leaves out every change of unknown outcome that no answer shows, but for deletes: enough to explain nearly every
 * history, and what each further one costs a search doubles it.
 */
export function shown(history: readonly LogOp[]): LogOp[] {
  const seen = idsShown(history)
  return history.filter(
    ({ input, output }) =>
      output !== null || !('id' in input) || input.kind === 'delete' || seen.has(input.id),
  )
}

/**
 * Leaves out what cannot matter: a change of unknown outcome that no answer shows has changed nothing that anybody saw.
 * Creates and deletes do matter without being shown, and so does the last id where a swap was refused.
 */
export function relevant(history: readonly LogOp[]): LogOp[] {
  const seen = idsShown(history)
  const hasMismatch = history.some(({ output }) => output?.answer === 'MISMATCH')
  return history.filter(({ input, output }) => {
    if (output !== null) return true
    if (input.kind === 'touch' || input.kind === 'read' || input.kind === 'list') return false
    if (input.kind === 'create' || input.kind === 'delete') return true
    return !('id' in input) || seen.has(input.id) || hasMismatch
  })
}

function idsShown(history: readonly LogOp[]): ReadonlySet<number> {
  return new Set(history.flatMap(({ output }) => (output && 'log' in output ? idsIn(output.log) : [])))
}
