/** The operator's server for tests: everything that a test does not give is empty, and everybody is an operator. */
import { OperatorAccess, type AccessRules } from '../../api/status/operator-access.ts'
import type { OperatorComponents } from '../../api/status/status-routes.ts'
import { silentLog } from '../../cluster/runtime.ts'
import { ImageError } from '../../node/errors.ts'
import { callerWith } from '../../api/auth/caller.ts'

/** Who shows `admin` or `member` as token of Keystone is that. */
const keystone = {
  async authenticate(headers: { 'x-auth-token'?: string | string[] }) {
    const token = String(headers['x-auth-token'])
    if (token !== 'admin' && token !== 'member') throw new ImageError('UNAUTHENTICATED', 'Nobody knows you.')
    return callerWith('req-1', { roles: [token] })
  },
}

export function accessFor(rules: Partial<AccessRules> = {}): OperatorAccess {
  return new OperatorAccess(
    { authenticator: keystone, policy: { known: (caller) => caller }, log: silentLog },
    { isOpen: true, token: null, takesKeystone: false, ...rules },
  )
}

export function operatorComponents(given: Partial<OperatorComponents> = {}): OperatorComponents {
  return {
    clusterStatus: () => Promise.reject(new Error('not asked for here')),
    admin: {} as OperatorComponents['admin'],
    departures: {} as OperatorComponents['departures'],
    whyAway: () => null,
    loops: {} as OperatorComponents['loops'],
    caches: {} as OperatorComponents['caches'],
    images: {} as OperatorComponents['images'],
    work: {} as OperatorComponents['work'],
    stores: {} as OperatorComponents['stores'],
    moving: {} as OperatorComponents['moving'],
    metadefs: {} as OperatorComponents['metadefs'],
    metrics: {} as OperatorComponents['metrics'],
    map: {} as OperatorComponents['map'],
    history: {} as OperatorComponents['history'],
    access: accessFor(),
    page: new Map(),
    log: silentLog,
    ...given,
  }
}
