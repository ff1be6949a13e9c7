/** The forms that messages between registers are made of, as type guards: what a peer sends is checked before it is used. */
import type { Ballot } from './ballot.ts'

export function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** A safe integer, ≥ 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function isBallot(value: unknown): value is Ballot {
  const { counter, nonce } = (value ?? {}) as Record<string, unknown>
  return isCount(counter) && isText(nonce) && /^[0-9a-f]{16}$/.test(nonce)
}
