/**
 * What must hold of every register, said directly: a check on the checker, and the words for what went wrong. Weaker than
 * linearizability.
 */
import { idsIn } from '../cluster/log-operations.ts'
import type { NotedOp } from '../cluster/clients.ts'

/** Sentences on the history of one key; empty = all is well. */
export function brokenInvariants(ops: readonly NotedOp[]): string[] {
  return [...lostChanges(ops), ...comebacks(ops), ...secondOwners(ops), ...missingFromLists(ops)]
}

const isDone = ({ output }: NotedOp) => output?.answer === 'DONE'
const changeId = ({ input }: NotedOp) => ('id' in input ? input.id : 0)

/** An acknowledged change is in every later log of the record that it changed. */
function lostChanges(ops: readonly NotedOp[]): string[] {
  const found: string[] = []
  for (const change of ops) {
    if (!isDone(change) || !change.output || !('log' in change.output) || change.input.kind === 'touch')
      continue
    const [created] = idsIn(change.output.log)
    const later = ops.filter((op) => op.start > change.end && showsLog(op) && logOf(op)[0] === created)
    const blind = later.find((op) => !logOf(op).includes(changeId(change)))
    if (blind) found.push(`change ${changeId(change)} was acknowledged, and a later answer lacks it`)
  }
  return found
}

/** What was deleted never comes back: only another create makes the id live again. */
function comebacks(ops: readonly NotedOp[]): string[] {
  const found: string[] = []
  for (const deletion of ops) {
    if (
      !isDone(deletion) ||
      deletion.input.kind !== 'delete' ||
      !deletion.output ||
      !('log' in deletion.output)
    )
      continue
    const [created] = idsIn(deletion.output.log)
    const back = ops.find((op) => op.start > deletion.end && isLiveLog(op) && logOf(op)[0] === created)
    if (back) found.push(`deletion ${changeId(deletion)} was acknowledged, and the record came back`)
  }
  return found
}

/** Between two acknowledged creates of one id lies the removal of its tombstone. */
function secondOwners(ops: readonly NotedOp[]): string[] {
  const created = ops.filter((op) => isDone(op) && op.input.kind === 'create').length
  const removals = ops.filter((op) => op.input.kind === 'collect' && op.output?.answer !== 'KEPT').length
  return created > removals + 1 ? [`${created} creates were acknowledged, with ${removals} removals`] : []
}

/** A list has every create that was acknowledged before it, unless somebody may have deleted it. */
function missingFromLists(ops: readonly NotedOp[]): string[] {
  const found: string[] = []
  for (const list of ops) {
    if (list.input.kind !== 'list' || !list.output || isLiveLog(list)) continue
    const created = ops.some((op) => isDone(op) && op.input.kind === 'create' && op.end < list.start)
    const isDeleted = ops.some(
      (op) => op.input.kind === 'delete' && op.start < list.end && (op.output === null || isDone(op)),
    )
    if (created && !isDeleted) found.push('a list lacks a record that was created before it')
  }
  return found
}

function showsLog({ output }: NotedOp): boolean {
  return output !== null && 'log' in output
}

function logOf({ output }: NotedOp): number[] {
  return output && 'log' in output ? idsIn(output.log) : []
}

function isLiveLog({ output }: NotedOp): boolean {
  return output !== null && 'log' in output && output.log.startsWith('+')
}
