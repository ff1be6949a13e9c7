/** What may happen to the register of a name: it is claimed for a namespace, and given back. */
import { operation, refuse, type Timed } from '../images/image-decisions.ts'
import type { NameHolder } from './namespace-record.ts'

export interface ClaimNameArgs {
  holder: NameHolder
  /** A claim of which it is known that it will never lead to anything; null: none may be there. */
  replaces: string | null
}

export interface ReleaseNameArgs extends Timed {
  claim: string
}

const claimName = operation<ClaimNameArgs>((current, { holder, replaces }) => {
  const held = current?.live ? (current.record as NameHolder) : null
  return held && held.claim !== replaces
    ? refuse('CONFLICT', `The name ${holder.name} is taken.`)
    : { kind: 'write', next: { live: true, record: holder } }
})

/** Only the claim that is named: the name may have gone to another namespace since. */
const releaseName = operation<ReleaseNameArgs>((current, { claim, now }) => {
  const held = current?.live ? (current.record as NameHolder) : null
  if (held?.claim !== claim) return refuse('NOT_FOUND', 'The name is not held by this claim.')
  return { kind: 'write', next: { live: false, record: { name: held.name, deletedAt: now } } }
})

export const nameOperations = {
  'metadef-name.claim': claimName,
  'metadef-name.release': releaseName,
}

export interface NameOperationArgs {
  'metadef-name.claim': ClaimNameArgs
  'metadef-name.release': ReleaseNameArgs
}
