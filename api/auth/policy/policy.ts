/** Answers who may do what, by the rules that count now. */
import type { Caller } from '../../../node/images/image-requests.ts'
import { ImageError } from '../../../node/errors.ts'
import {
  asText,
  type ImagePolicy,
  type PolicyTarget,
  type PropertyAction,
} from '../../../node/images/image-policy.ts'
import { GLANCE_POLICIES, LEGACY_OWNED, LEGACY_OWNER_RULE } from './glance-policies.ts'
import { type Attributes, type Credentials, holds, NEVER } from './policy-check.ts'
import { parseRule } from './policy-language.ts'
import type { PolicyRules } from './policy-rules.ts'
import type { PropertyProtections } from './property-protections.ts'

/** `[oslo_policy]`. */
export interface PolicyOptions {
  /** Refuse tokens whose scope is a domain or the whole cloud, as no rule of Glance is for them. */
  enforceScope: boolean
  /** False: the defaults from before secure RBAC hold as well. */
  enforceNewDefaults: boolean
}

const LEGACY_OWNER = parseRule(LEGACY_OWNER_RULE)
const ADMIN_RULE = 'context_is_admin'

export class Policy implements ImagePolicy {
  readonly #options: PolicyOptions
  #rules: PolicyRules
  #protections: PropertyProtections | null

  /** `protections` may name only rules that are there; null: every property is open. */
  constructor(rules: PolicyRules, options: PolicyOptions, protections: PropertyProtections | null = null) {
    this.#rules = rules
    this.#options = options
    this.#protections = protections
  }

  /** From now on these count. A request that is under way may be asked by both. */
  use(rules: PolicyRules, protections: PropertyProtections | null): void {
    this.#rules = rules
    this.#protections = protections
  }

  get protectsProperties(): boolean {
    return this.#protections !== null
  }

  /** The roles of a service that asks on the caller's behalf count as its own here, as in Glance. */
  allowsProperty(action: PropertyAction, name: string, caller: Caller): boolean {
    const permission = this.#protections?.permission(action, name)
    if (permission === undefined) return true
    if (permission.kind === 'constant') return permission.holds
    const roles = [...caller.roles, ...caller.serviceRoles]
    if (permission.kind === 'roles') return roles.some((role) => permission.roles.has(role))
    return this.#holds(permission.rule, credentialsOf({ ...caller, roles }), () => null)
  }

  /** The caller, administrator or not as the rule `context_is_admin` has it. */
  known(caller: Caller): Caller {
    const isAdmin = this.#holds(ADMIN_RULE, credentialsOf({ ...caller, isAdmin: false }), ownProject(caller))
    return { ...caller, isAdmin }
  }

  allows(rule: string, caller: Caller, target: PolicyTarget): boolean {
    if (this.#options.enforceScope && GLANCE_POLICIES[rule]?.isScoped && !isOfProject(caller)) return false
    const credentials = credentialsOf(caller)
    if (!this.#holds(rule, credentials, target)) return false
    if (this.#options.enforceNewDefaults || !LEGACY_OWNED.has(rule)) return true
    return holds(LEGACY_OWNER, { credentials, target, rules: this.#rules.checks })
  }

  /** Throws FORBIDDEN. For what is not about one image, but about the service or the caller's own project. */
  require(rule: string, caller: Caller): void {
    if (!this.allows(rule, caller, ownProject(caller)))
      throw new ImageError('FORBIDDEN', `You are not authorized to complete ${rule} action.`)
  }

  #holds(rule: string, credentials: Credentials, target: Attributes): boolean {
    const { checks } = this.#rules
    return holds(checks.get(rule) ?? NEVER, { credentials, target, rules: checks })
  }
}

function isOfProject({ systemScope, domainId }: Caller): boolean {
  return systemScope === null && domainId === null
}

function ownProject({ projectId }: Caller): PolicyTarget {
  return (attribute) => (attribute === 'project_id' ? asText(projectId) : null)
}

/** What checks like `project_id:…` look at: the names of oslo.context, with its older ones. */
function credentialsOf(caller: Caller): Credentials {
  const { userId, userDomainId, projectId, projectDomainId, domainId, systemScope } = caller
  return {
    roles: caller.roles,
    service_roles: caller.serviceRoles,
    is_admin: caller.isAdmin,
    is_admin_project: caller.isAdminProject,
    user_id: userId,
    user: userId,
    user_domain_id: userDomainId,
    user_domain: userDomainId,
    project_id: projectId,
    tenant: projectId,
    project_domain_id: projectDomainId,
    project_domain: projectDomainId,
    domain_id: domainId,
    domain: domainId,
    system_scope: systemScope,
    system: systemScope,
  }
}
