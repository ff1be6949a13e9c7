import t from 'tap'
import { NoAuth } from '../../../api/auth/noauth.ts'
import { TrustedHeaders } from '../../../api/auth/trusted-headers.ts'

/** Of whom nothing is known. */
const UNKNOWN = {
  userId: null,
  userDomainId: null,
  projectId: null,
  projectDomainId: null,
  domainId: null,
  systemScope: null,
  isAdminProject: true,
  serviceRoles: [],
}

t.test('noauth: an admin without project, whatever the headers claim', async (t) => {
  t.strictSame(await new NoAuth().authenticate({ 'x-project-id': 'p', 'x-roles': 'reader' }, 'req-1'), {
    ...UNKNOWN,
    roles: ['admin'],
    isAdmin: true,
    requestId: 'req-1',
  })
})

t.test('trusted headers', async (t) => {
  const authenticator = new TrustedHeaders()
  const confirmed = { 'x-identity-status': 'Confirmed' }

  const member = await authenticator.authenticate(
    {
      ...confirmed,
      'x-user-id': 'u',
      'x-project-id': 'p',
      'x-tenant-id': 'old',
      'x-roles': 'Member, READER,,',
    },
    'req-2',
  )
  t.strictSame(member, {
    ...UNKNOWN,
    userId: 'u',
    projectId: 'p',
    roles: ['member', 'reader'],
    isAdmin: false,
    requestId: 'req-2',
  })

  const admin = await authenticator.authenticate(
    { ...confirmed, 'x-tenant-id': 't', 'x-roles': 'Admin' },
    'req-3',
  )
  t.match(admin, { userId: null, projectId: 't', isAdmin: true })

  t.strictSame(await authenticator.authenticate(confirmed, 'req-4'), {
    ...UNKNOWN,
    roles: [],
    isAdmin: false,
    requestId: 'req-4',
  })

  const scopes = await authenticator.authenticate(
    {
      ...confirmed,
      'x-user-domain-id': 'ud',
      'x-project-domain-id': 'pd',
      'x-domain-id': 'd',
      'openstack-system-scope': 'all',
      'x-is-admin-project': 'False',
      'x-service-roles': 'Service, reader',
    },
    'req-5',
  )
  t.match(scopes, { userDomainId: 'ud', projectDomainId: 'pd', domainId: 'd', systemScope: 'all' })
  t.match(scopes, { isAdminProject: false, isAdmin: false, serviceRoles: ['service', 'reader'] })

  for (const status of [undefined, 'Invalid', 'confirmed', '', 'Confirmed, Confirmed']) {
    const headers = { 'x-roles': 'admin', ...(status === undefined ? {} : { 'x-identity-status': status }) }
    await t.rejects(
      authenticator.authenticate(headers, 'req-5'),
      { code: 'UNAUTHENTICATED' },
      status ?? 'absent',
    )
  }
  await t.rejects(authenticator.authenticate({ ...confirmed, 'x-project-id': 'p'.repeat(256) }, 'req-6'), {
    code: 'UNAUTHENTICATED',
  })
})
