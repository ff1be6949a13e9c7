/** `--weight`, as the commands that say something of a member take it. */
import { InvalidArgumentError } from 'commander'

export function parseWeight(text: string): number {
  const weight = Number(text)
  if (weight > 0) return weight
  throw new InvalidArgumentError('It must be a number above 0.')
}
