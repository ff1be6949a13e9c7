/** Takes an integer from 1 to `max` on the command line. */
import { InvalidArgumentError } from 'commander'

export function parseCount(max: number): (text: string) => number {
  return (text) => {
    const count = Number(text)
    if (Number.isInteger(count) && count >= 1 && count <= max) return count
    throw new InvalidArgumentError(`It must be an integer from 1 to ${max}.`)
  }
}
