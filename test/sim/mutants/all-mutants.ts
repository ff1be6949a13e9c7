/** Every known bug. */
import { amnesiaMutants } from './amnesia-mutants.ts'
import { diskMutants } from './disk-mutants.ts'
import { membershipMutants } from './membership-mutants.ts'
import type { Mutant } from './mutant.ts'
import { readMutants } from './read-mutants.ts'
import { removalMutants } from './removal-mutants.ts'
import { voteMutants } from './vote-mutants.ts'

export const allMutants: readonly Mutant[] = [
  ...voteMutants,
  ...diskMutants,
  ...readMutants,
  ...amnesiaMutants,
  ...removalMutants,
  ...membershipMutants,
]

/** Throws when there is none of that name. */
export function findMutant(name: string): Mutant {
  const mutant = allMutants.find((known) => known.name === name)
  if (!mutant) throw new Error(`there is no mutant called "${name}"`)
  return mutant
}
