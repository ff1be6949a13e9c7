/** Records in and out of registers: refusals become errors, tombstones nothing. */
import type { ChosenValue } from '../../cluster/register/proposer.ts'
import { decodeValue } from '../../cluster/register/register-value.ts'
import type { Outcome } from '../../cluster/register/vote-messages.ts'
import { ImageError, type ImageErrorCode } from '../errors.ts'

/** The record as an operation has left it. Throws ImageError for a refusal; `about`: what is said of it besides. */
export function recordLeftBy(outcome: Outcome, about: Readonly<Record<string, unknown>>): unknown {
  if (outcome.done) return decodeValue(outcome.value).record
  const { code, message } = outcome.refusal
  throw new ImageError(code as ImageErrorCode, message, about)
}

/** What lives in a register by what was chosen; null: nothing. */
export function livingRecord(chosen: ChosenValue | null): unknown {
  const value = chosen && decodeValue(chosen.value)
  return value?.live ? value.record : null
}
