/** Spans of time on the command line. */
import { InvalidArgumentError } from 'commander'
import { duration } from '../config/option-types.ts'

/** ms */
export function parseDuration(text: string): number {
  try {
    return duration.parse(text)
  } catch {
    throw new InvalidArgumentError(`It must be ${duration.description}.`)
  }
}

export function parseSeconds(text: string): number {
  return Math.round(parseDuration(text) / 1000)
}
