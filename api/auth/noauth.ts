/** For laboratories and loopback: everybody is the administrator, as in a Glance without Keystone. */
import type { Caller } from '../../node/images/image-requests.ts'
import type { Authenticator } from '../api-components.ts'

/** An admin without user or project. Identity headers are not even looked at. */
export class NoAuth implements Authenticator {
  async authenticate(_headers: unknown, requestId: string): Promise<Caller> {
    return { userId: null, projectId: null, roles: ['admin'], isAdmin: true, requestId }
  }
}
