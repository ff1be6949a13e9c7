/** Stands between callers and namespaces: what a caller may not see is not there, what it may not do is forbidden. */
import { hasCode } from '../../cluster/errors.ts'
import { ImageError } from '../errors.ts'
import { asText, type PolicyTarget } from '../images/image-policy.ts'
import { isWithoutQuorum, noMajority } from '../images/image-registers.ts'
import type { Answer, Caller } from '../images/image-requests.ts'
import type { NamespaceIndex } from './namespace-index.ts'
import type { NamespaceRecord } from './namespace-record.ts'
import { canSeeNamespace, watchedTarget, type MetadefRule, type NamespaceGrant } from './namespace-rights.ts'

export interface MetadefPolicy {
  allows(rule: string, caller: Caller, target: PolicyTarget): boolean
}

export interface NamespaceGuardComponents {
  policy: MetadefPolicy
  index: Pick<NamespaceIndex, 'find'>
  /** Resolves when the index holds every change acknowledged before the call. Throws NO_QUORUM. */
  freshen: () => Promise<void>
}

const SEE_RULE: MetadefRule = 'get_metadef_namespace'
/** Nobody renames a namespace or gives it away this often in the time of one request. */
const CHANGE_TRIES_MAX = 16

export class NamespaceGuard {
  readonly #components: NamespaceGuardComponents

  constructor(components: NamespaceGuardComponents) {
    this.#components = components
  }

  /** The namespace as a majority has it, or as this node knows it while none answers (R6). Throws NOT_FOUND, FORBIDDEN. */
  async look(caller: Caller, name: string, rules: readonly MetadefRule[]): Promise<Answer<NamespaceRecord>> {
    const stale = await this.isStale()
    const namespace = this.#components.index.find(name)
    if (!namespace && stale) throw noMajority()
    const value = visible(caller, name, namespace)
    this.#grantOn(value, caller, rules)
    return { value, stale }
  }

  /** Freshens the index; answers whether that was not possible. */
  async isStale(): Promise<boolean> {
    try {
      await this.#components.freshen()
      return false
    } catch (error) {
      if (!isWithoutQuorum(error)) throw error
      return true
    }
  }

  /** Throws FORBIDDEN or NOT_FOUND. For what is not about a namespace that is there. */
  require(caller: Caller, rules: readonly MetadefRule[]): void {
    const own: PolicyTarget = (attribute) => (attribute === 'project_id' ? asText(caller.projectId) : null)
    for (const rule of rules) this.#require(rule, caller, own)
  }

  allowsOn(namespace: NamespaceRecord, caller: Caller, rule: MetadefRule): boolean {
    return this.#components.policy.allows(rule, caller, watchedTarget(namespace).target)
  }

  /** Whether lists show it to the caller. */
  lists(caller: Caller, namespace: NamespaceRecord): boolean {
    return canSeeNamespace(caller, namespace) && this.allowsOn(namespace, caller, SEE_RULE)
  }

  /**
   * Does `change` to a namespace that the caller sees and to which all of `rules` apply. The operation must be given the
   * grant; when it was refused because the namespace is not any more what the grant rests on, all is done again.
   */
  async change<T>(
    caller: Caller,
    name: string,
    rules: readonly MetadefRule[],
    change: (grant: NamespaceGrant, namespace: NamespaceRecord) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      await this.#components.freshen()
      const namespace = visible(caller, name, this.#components.index.find(name))
      try {
        return await change(this.#grantOn(namespace, caller, rules), namespace)
      } catch (error) {
        if (!hasCode(error, 'BASIS_CHANGED') || tries === CHANGE_TRIES_MAX) throw error
      }
    }
  }

  #grantOn(namespace: NamespaceRecord, caller: Caller, rules: readonly MetadefRule[]): NamespaceGrant {
    const { target, basis } = watchedTarget(namespace)
    for (const rule of rules) this.#require(rule, caller, target)
    const { projectId, isAdmin, roles } = caller
    return { caller: { projectId, isAdmin, roles: [...roles] }, basis, name: namespace.name }
  }

  /** As in Glance: who may not even see a namespace is not told that there is something that it may not do. */
  #require(rule: MetadefRule, caller: Caller, target: PolicyTarget): void {
    const { policy } = this.#components
    if (policy.allows(rule, caller, target)) return
    if (rule === SEE_RULE || !policy.allows(SEE_RULE, caller, target))
      throw new ImageError('NOT_FOUND', 'No such metadata definitions are found.')
    throw new ImageError('FORBIDDEN', `You are not authorized to complete ${rule} action.`)
  }
}

function visible(caller: Caller, name: string, namespace: NamespaceRecord | null): NamespaceRecord {
  if (namespace && canSeeNamespace(caller, namespace)) return namespace
  throw new ImageError('NOT_FOUND', `Namespace ${name} is not found.`)
}
