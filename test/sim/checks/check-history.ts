/** All checks of what clients were told, key by key: linearizability composes. */
import type { NotedOp } from '../cluster/clients.ts'
import { isLinearizable } from '../linearizability.ts'
import { brokenInvariants } from './invariants.ts'
import { logModel, relevant, shown } from './log-model.ts'
import type { Violation } from './violation.ts'

export function checkHistory(history: readonly NotedOp[]): Violation[] {
  const keys = [...new Set(history.map(({ key }) => key))]
  return keys.flatMap((key) =>
    checkKey(
      key,
      history.filter((op) => op.key === key),
    ),
  )
}

function checkKey(key: string, ops: NotedOp[]): Violation[] {
  const found = brokenInvariants(ops).map((message): Violation => ({
    kind: 'invariant',
    message: `${key}: ${message}`,
  }))
  // What may have taken effect may as well have not: an order without it is as good.
  if (!isLinearizable(shown(ops), logModel) && !isLinearizable(relevant(ops), logModel))
    found.push({ kind: 'history', message: `${key}: no order of the operations explains the answers` })
  return found
}
