/**
 * Who sees a namespace, whatever the policy says, and what a policy is asked about it. As for images (image-policy.ts) the
 * answer travels with the operation, which is refused when what it rests on has changed since.
 */
import { asText, watched, type Basis, type PolicyTarget } from '../images/image-policy.ts'
import type { CallerRights } from '../images/visibility.ts'
import type { NamespaceRecord } from './namespace-record.ts'

/** The rules of Glance about metadata definitions. */
export type MetadefRule = `${'get' | 'list' | 'add' | 'modify' | 'delete' | 'remove'}_metadef_${string}`

/** What was allowed to a caller, about the namespace that had this name. */
export interface NamespaceGrant {
  caller: CallerRights
  basis: Basis
  name: string
}

type Owned = Pick<NamespaceRecord, 'owner' | 'visibility'>

export function canSeeNamespace(
  { isAdmin, projectId }: Pick<CallerRights, 'isAdmin' | 'projectId'>,
  { owner, visibility }: Owned,
): boolean {
  return isAdmin || owner === null || visibility === 'public' || (projectId !== null && owner === projectId)
}

/** A namespace as rules see it: they know no more of it in Glance. Pure: the nodes must agree on what has changed. */
export function namespaceTarget({ owner, visibility }: Owned): PolicyTarget {
  return (attribute) => {
    if (attribute === 'project_id') return asText(owner)
    return attribute === 'visibility' ? visibility : null
  }
}

/** Collects what rules look at from now on. */
export function watchedTarget(namespace: Owned): { target: PolicyTarget; basis: Basis } {
  return watched(namespaceTarget(namespace))
}

/** Whether the namespace still is what the grant rests on. */
export function grantHolds({ basis, name }: NamespaceGrant, namespace: NamespaceRecord): boolean {
  const target = namespaceTarget(namespace)
  if (namespace.name !== name) return false
  return Object.entries(basis).every(([attribute, value]) => target(attribute) === value)
}
