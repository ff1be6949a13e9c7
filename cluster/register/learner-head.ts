/** What two heads of a row, or of a vote, say of each other. */
import { sameBallot } from './ballot.ts'
import type { LearnerHead } from './storage.ts'

type Head = Pick<LearnerHead, 'ballot' | 'digest'>

/** The same value, by the same ballot; or none on both sides. */
export function isSameHead(a: Head | null, b: Head | null): boolean {
  if (!a || !b) return a === b
  return sameBallot(a.ballot, b.ballot) && a.digest === b.digest
}

/** Two values under one ballot: one of them is damaged (R1). */
export function isAnotherValue(a: Head | null, b: Head | null): boolean {
  return a !== null && b !== null && sameBallot(a.ballot, b.ballot) && a.digest !== b.digest
}
