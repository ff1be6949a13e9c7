/** What the operations on the register of a namespace have in common. */
import type { Decision, Operation } from '../../cluster/register/operations.ts'
import { latest, operation, refuse, type Timed } from '../images/image-decisions.ts'
import type { NamespaceRecord, NamespaceTombstone } from './namespace-record.ts'
import { canSeeNamespace, grantHolds, type NamespaceGrant } from './namespace-rights.ts'

/** An operation that a caller asked for, and that policy allowed to it. `now`: with milliseconds. */
export interface GrantedArgs extends Timed {
  grant: NamespaceGrant
}

type Decide<Args> = (namespace: NamespaceRecord, args: Args) => Decision

/** Refused with BASIS_CHANGED where the namespace went, was renamed or changed hands: its name is looked up again. */
export function onGrantedNamespace<Args extends GrantedArgs>(decide: Decide<Args>): Operation {
  return onNamespace<Args>((namespace, args) => {
    if (!grantHolds(args.grant, namespace)) return changed()
    if (!canSeeNamespace(args.grant.caller, namespace)) return changed()
    return decide(namespace, args)
  })
}

export function onNamespace<Args>(decide: Decide<Args>): Operation {
  return operation<Args>((current, args) =>
    current?.live ? decide(current.record as NamespaceRecord, args) : changed(),
  )
}

export function changed(): Decision {
  return refuse('BASIS_CHANGED', 'The namespace has changed.')
}

export function writeNamespace(record: NamespaceRecord): Decision {
  return { kind: 'write', next: { live: true, record } }
}

export function tombstoneOf(id: string, now: string): NamespaceTombstone {
  return { id, deletedAt: now }
}

export function refuseIfProtected({ protected: isProtected, name }: NamespaceRecord): Decision | null {
  return isProtected
    ? refuse('FORBIDDEN', `The namespace ${name} is protected: nothing of it can be deleted.`)
    : null
}

/** With a later time of change: times never run back (R3). */
export function touched<T extends { createdAt: string; updatedAt: string }>(dated: T, now: string): T {
  return { ...dated, updatedAt: latest(now, dated.createdAt, dated.updatedAt) }
}
