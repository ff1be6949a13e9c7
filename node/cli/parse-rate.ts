import { InvalidArgumentError } from 'commander'
import { size } from '../config/option-types.ts'

/** Bytes a second, as `50MiB`. */
export function parseRate(text: string): number {
  const type = size(1)
  try {
    return type.parse(text)
  } catch {
    throw new InvalidArgumentError(`It must be ${type.description}.`)
  }
}
