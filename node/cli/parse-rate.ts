import { InvalidArgumentError } from 'commander'
import { size } from '../config/option-types.ts'

/** Bytes a second, as `50MiB`. */
export function parseRate(text: string): number {
  return rateIn(text)
}

/** As `parseRate`; `otherwise`: what else may be said, for who is told that neither was. */
export function rateIn(text: string, otherwise = ''): number {
  const type = size(1)
  try {
    return type.parse(text)
  } catch {
    throw new InvalidArgumentError(`It must be ${type.description}${otherwise}.`)
  }
}
