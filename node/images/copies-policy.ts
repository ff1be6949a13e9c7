/**
 * How many copies an image gets: its own property says so, else a rule for its visibility or project, else the default.
 * Fixed in the record when the upload begins; a later change of the property is a change of the record (architecture §4).
 */
import { copies as copiesForm, type Copies, type CopiesRule } from '../config/copies.ts'
import type { ImageRecord } from './image-record.ts'

export interface CopiesPolicy {
  /** Where nothing else says. */
  copies: Copies
  /** The first that fits counts. */
  rules: readonly CopiesRule[]
}

/** What an image says for itself. */
export const COPIES_PROPERTY = 'serac_replicas'

export function wantedCopies(record: ImageRecord, { copies, rules }: CopiesPolicy): Copies {
  const own = ownCopies(record)
  if (own !== undefined) return own
  const rule = rules.find(({ by, value }) => value === (by === 'project' ? record.owner : record.visibility))
  return rule ? rule.copies : copies
}

/** What the record's property asks for; undefined: nothing, or nothing that can be. */
export function ownCopies({ properties }: Pick<ImageRecord, 'properties'>): Copies | undefined {
  try {
    return copiesForm.parse(properties[COPIES_PROPERTY] ?? '')
  } catch {
    return undefined
  }
}
