/** Puts callers together, for every way of authentication. */
import type { Caller } from '../../node/images/image-requests.ts'

/** Glance's `context_is_admin`. */
export const ADMIN_ROLE = 'admin'

/** A caller of whom only `facts` are known. Roles may come as they are written; nobody without the admin role is admin. */
export function callerWith(
  requestId: string,
  { roles = [], serviceRoles = [], ...facts }: Partial<Omit<Caller, 'isAdmin' | 'requestId'>>,
): Caller {
  const lowerRoles = lowerCase(roles)
  return {
    userId: null,
    userDomainId: null,
    projectId: null,
    projectDomainId: null,
    domainId: null,
    systemScope: null,
    isAdminProject: true,
    ...facts,
    roles: lowerRoles,
    serviceRoles: lowerCase(serviceRoles),
    isAdmin: lowerRoles.includes(ADMIN_ROLE),
    requestId,
  }
}

function lowerCase(roles: readonly string[]): string[] {
  return roles.map((role) => role.toLowerCase())
}
