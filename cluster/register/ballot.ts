/**
 * Ballots order the rounds of a register: (counter, start nonce). The nonce is 64 random bits per process start, so no
 * ballot is ever used twice, whatever a node forgot.
 */

export interface Ballot {
  /** ≥ 1; 0 only in ZERO_BALLOT. */
  counter: number
  /** 16 hex digits. */
  nonce: string
}

/** Below every real ballot: what an acceptor that never promised has promised. */
export const ZERO_BALLOT: Ballot = { counter: 0, nonce: '0000000000000000' }

/** Negative, zero or positive, as `a` is below, equal to or above `b`. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.counter !== b.counter) return a.counter - b.counter
  return a.nonce < b.nonce ? -1 : a.nonce > b.nonce ? 1 : 0
}

export function sameBallot(a: Ballot, b: Ballot): boolean {
  return a.counter === b.counter && a.nonce === b.nonce
}

export function maxBallot(a: Ballot, b: Ballot): Ballot {
  return compareBallots(a, b) >= 0 ? a : b
}

/** Above `ballot` and equal to no real one: nobody's nonce is zero. For floors (R9). */
export function justAbove(ballot: Ballot): Ballot {
  return { counter: ballot.counter + 1, nonce: ZERO_BALLOT.nonce }
}

export function minBallot(a: Ballot, b: Ballot): Ballot {
  return compareBallots(a, b) <= 0 ? a : b
}
