/**
 * Believes the identity headers of a proxy in front, as the auth filter of OpenStack's middleware sets them. Only for a
 * listener that nobody but that proxy reaches: it must strip what clients send under these names.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { ImageError } from '../../node/errors.ts'
import type { Caller } from '../../node/images/image-requests.ts'
import type { Authenticator } from '../api-components.ts'
import { callerWith } from './caller.ts'

/** Characters of a user, project or domain id: the width of an image's owner. */
const IDENTITY_LENGTH_MAX = 255

export class TrustedHeaders implements Authenticator {
  async authenticate(headers: IncomingHttpHeaders, requestId: string): Promise<Caller> {
    if (headers['x-identity-status'] !== 'Confirmed') {
      throw new ImageError('UNAUTHENTICATED', 'This request needs an authenticated identity.')
    }
    return callerWith(requestId, {
      userId: identity(headers['x-user-id']),
      userDomainId: identity(headers['x-user-domain-id']),
      // X-Tenant-Id is the older name of the same thing.
      projectId: identity(headers['x-project-id']) ?? identity(headers['x-tenant-id']),
      projectDomainId: identity(headers['x-project-domain-id']),
      domainId: identity(headers['x-domain-id']),
      systemScope: headers['openstack-system-scope'] === 'all' ? 'all' : null,
      isAdminProject: headers['x-is-admin-project'] !== 'False',
      roles: rolesOf(headers['x-roles']),
      serviceRoles: rolesOf(headers['x-service-roles']),
    })
  }

  /** In the form of API v2 of Keystone, as the middleware hands it on. */
  async catalog(headers: IncomingHttpHeaders): Promise<unknown> {
    try {
      return JSON.parse(String(headers['x-service-catalog'] ?? '[]'))
    } catch {
      throw new ImageError('INVALID', 'X-Service-Catalog is no JSON.')
    }
  }
}

function identity(value: string | string[] | undefined): string | null {
  if (typeof value !== 'string' || value === '') return null
  if (value.length <= IDENTITY_LENGTH_MAX) return value
  throw new ImageError(
    'UNAUTHENTICATED',
    `A user, project or domain id is longer than ${IDENTITY_LENGTH_MAX} characters.`,
  )
}

function rolesOf(value: string | string[] | undefined): string[] {
  if (typeof value !== 'string') return []
  return value
    .split(',')
    .map((role) => role.trim())
    .filter((role) => role !== '')
}
