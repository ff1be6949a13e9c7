/** What Keystone says of a token (`GET /v3/auth/tokens`), as far as the image service wants to know. */
import type { Caller } from '../../node/images/image-requests.ts'

/** Who a token stands for. */
export type TokenIdentity = Omit<Caller, 'isAdmin' | 'serviceRoles' | 'requestId'>

export interface TokenFacts {
  identity: TokenIdentity
  /** Wall time, ms. */
  expiresAtMs: number
}

type JsonObject = Readonly<Record<string, unknown>>

/** Characters of a user, project or domain id: the width of an image's owner. */
const ID_LENGTH_MAX = 255

/** Throws an Error when `body` is no token document of the v3 API: nobody is let in by half a description. */
export function parseTokenFacts(body: unknown): TokenFacts {
  const token = objectIn(objectOf(body), 'token')
  return { identity: identityIn(token), expiresAtMs: timeIn(token, 'expires_at') }
}

/** What stands in a token document that was asked for with its catalogue. Throws an Error when `body` is none. */
export function catalogIn(body: unknown): unknown {
  return objectIn(objectOf(body), 'token')['catalog']
}

function identityIn(token: JsonObject): TokenIdentity {
  const user = objectIn(token, 'user')
  const project = optionalObjectIn(token, 'project')
  return {
    userId: idIn(user),
    userDomainId: domainIdOf(user),
    projectId: project && idIn(project),
    projectDomainId: project && domainIdOf(project),
    domainId: domainIdOf(token),
    systemScope: optionalObjectIn(token, 'system')?.['all'] === true ? 'all' : null,
    roles: rolesIn(token),
    // Keystone says so only when it knows of an administrators' project.
    isAdminProject: token['is_admin_project'] !== false,
  }
}

/** The time under `name`, ms. Throws an Error when there is none. */
export function timeIn(token: JsonObject, name: string): number {
  const text = token[name]
  const ms = typeof text === 'string' ? Date.parse(text) : NaN
  if (Number.isNaN(ms)) throw new Error(`${name} is no time`)
  return ms
}

/** Throws an Error when `value` is no JSON object. */
export function objectOf(value: unknown): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw new Error('the answer is no token document')
}

function objectIn(parent: JsonObject, name: string): JsonObject {
  return objectOf(parent[name])
}

function optionalObjectIn(parent: JsonObject, name: string): JsonObject | null {
  return parent[name] === undefined || parent[name] === null ? null : objectIn(parent, name)
}

function domainIdOf(parent: JsonObject): string | null {
  const domain = optionalObjectIn(parent, 'domain')
  return domain && idIn(domain)
}

function idIn({ id }: JsonObject): string {
  if (typeof id === 'string' && id !== '' && id.length <= ID_LENGTH_MAX) return id
  throw new Error(`an id is missing or longer than ${ID_LENGTH_MAX} characters`)
}

/** A token without scope has none. */
function rolesIn({ roles }: JsonObject): string[] {
  if (roles === undefined || roles === null) return []
  if (!Array.isArray(roles)) throw new Error('the roles are no list')
  return roles.map((role) => {
    const { name } = objectOf(role)
    if (typeof name !== 'string') throw new Error('a role has no name')
    return name.toLowerCase()
  })
}
