/** Who sees what: glance-api.md §5.2. */
import t from 'tap'
import type { Visibility } from '../../../node/images/image-record.ts'
import { canSee, isListed, isOwner, type ListScope } from '../../../node/images/visibility.ts'
import { admin, callerOf, imageOf, memberOf, owner, PROJECT, reader, stranger } from './image-fixture.ts'

const visibilities: Visibility[] = ['public', 'private', 'shared', 'community']
const nobody = callerOf({ projectId: null })
const scope = (fields: Partial<ListScope> = {}): ListScope => ({
  visibility: null,
  memberStatus: 'accepted',
  ...fields,
})
const sharedWith = (status: 'pending' | 'accepted' | 'rejected') =>
  imageOf({ visibility: 'shared', members: [memberOf('project-2', status)] })

t.test('owners and admins see everything by id', async (t) => {
  for (const visibility of visibilities)
    for (const caller of [owner, reader, admin]) t.ok(canSee(caller, imageOf({ visibility })), visibility)
})

t.test('strangers see what is public or community', async (t) => {
  const seen = visibilities.filter((visibility) => canSee(stranger, imageOf({ visibility })))
  t.strictSame(seen, ['public', 'community'])
})

t.test('members see a shared image by id, whatever their status', async (t) => {
  for (const status of ['pending', 'accepted', 'rejected'] as const)
    t.ok(canSee(stranger, sharedWith(status)), status)
})

t.test('an image that is no longer shared is hidden from its members at once', async (t) => {
  t.notOk(canSee(stranger, { ...sharedWith('accepted'), visibility: 'private' }))
})

t.test('an image without owner is visible to everyone by id, and listed only when open', async (t) => {
  const orphan = imageOf({ owner: null, visibility: 'shared' })
  t.ok(canSee(stranger, orphan))
  t.notOk(isListed(stranger, orphan, scope()))
  t.ok(isListed(stranger, { ...orphan, visibility: 'public' }, scope()))
})

t.test('no project is nobody\u2019s owner', async (t) => {
  t.notOk(isOwner(nobody, imageOf({ owner: null })))
  t.notOk(canSee(nobody, imageOf({ visibility: 'private' })))
})

t.test('a list shows own, public and accepted images', async (t) => {
  t.ok(isListed(owner, imageOf({ visibility: 'private' }), scope()))
  t.ok(isListed(stranger, imageOf({ visibility: 'public' }), scope()))
  t.ok(isListed(stranger, sharedWith('accepted'), scope()))
  t.notOk(isListed(stranger, sharedWith('pending'), scope()))
  t.notOk(isListed(stranger, imageOf({ visibility: 'private' }), scope()))
})

t.test('the member status asked for decides about shared images', async (t) => {
  for (const status of ['pending', 'accepted', 'rejected'] as const) {
    const listed = (['pending', 'accepted', 'rejected', 'all'] as const).filter((memberStatus) =>
      isListed(stranger, sharedWith(status), scope({ memberStatus })),
    )
    t.strictSame(listed, [status, 'all'])
  }
})

t.test('community images of others are listed only when asked for, to admins as well', async (t) => {
  const image = imageOf({ visibility: 'community' })
  for (const caller of [stranger, admin]) {
    t.notOk(isListed(caller, image, scope()))
    t.ok(isListed(caller, image, scope({ visibility: 'community' })))
    t.ok(isListed(caller, image, scope({ visibility: 'all' })))
  }
  t.ok(isListed(owner, image, scope()))
})

t.test('a visibility asked for leaves out the others', async (t) => {
  for (const asked of visibilities) {
    const listed = visibilities.filter((visibility) =>
      isListed(admin, imageOf({ visibility }), scope({ visibility: asked })),
    )
    t.strictSame(listed, [asked])
  }
})

t.test('admins list the private images of everybody', async (t) => {
  t.ok(isListed(admin, imageOf({ visibility: 'private', owner: 'someone' }), scope()))
})

t.test('a caller without project lists open images, and shared ones that anybody has accepted', async (t) => {
  t.ok(isListed(nobody, imageOf({ visibility: 'public' }), scope()))
  t.ok(isListed(nobody, sharedWith('accepted'), scope()))
  t.notOk(isListed(nobody, imageOf({ visibility: 'shared' }), scope()))
  t.notOk(isListed(nobody, imageOf({ visibility: 'private', owner: PROJECT }), scope()))
})
