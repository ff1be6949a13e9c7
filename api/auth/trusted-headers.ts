/**
 * Believes the identity headers of a proxy in front, as the auth filter of OpenStack's middleware sets them. Only for a
 * listener that nobody but that proxy reaches: it must strip what clients send under these names.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { ImageError } from '../../node/errors.ts'
import type { Caller } from '../../node/images/image-requests.ts'
import type { Authenticator } from '../api-components.ts'

/** Characters of a user or project id: the width of an image's owner. */
const IDENTITY_LENGTH_MAX = 255
const ADMIN_ROLE = 'admin'

export class TrustedHeaders implements Authenticator {
  async authenticate(headers: IncomingHttpHeaders, requestId: string): Promise<Caller> {
    if (headers['x-identity-status'] !== 'Confirmed') {
      throw new ImageError('UNAUTHENTICATED', 'This request needs an authenticated identity.')
    }
    const roles = rolesOf(headers['x-roles'])
    return {
      userId: identity(headers['x-user-id']),
      // X-Tenant-Id is the older name of the same thing.
      projectId: identity(headers['x-project-id']) ?? identity(headers['x-tenant-id']),
      roles,
      isAdmin: roles.includes(ADMIN_ROLE),
      requestId,
    }
  }
}

function identity(value: string | string[] | undefined): string | null {
  if (typeof value !== 'string' || value === '') return null
  if (value.length <= IDENTITY_LENGTH_MAX) return value
  throw new ImageError(
    'UNAUTHENTICATED',
    `A user or project id is longer than ${IDENTITY_LENGTH_MAX} characters.`,
  )
}

function rolesOf(value: string | string[] | undefined): string[] {
  if (typeof value !== 'string') return []
  return value
    .split(',')
    .map((role) => role.trim().toLowerCase())
    .filter((role) => role !== '')
}
