/** Operations on members, tags and activation. */
import t from 'tap'
import type { Decision } from '../../../cluster/register/operations.ts'
import { IMAGE_STATUSES } from '../../../node/images/image-record.ts'
import {
  activeImage,
  admin,
  callerOf,
  decide,
  grantOf,
  imageOf,
  LATER,
  live,
  memberOf,
  NOW,
  owner,
  quotas,
  stranger,
  written,
} from './image-fixture.ts'

const MEMBER = 'project-m'
const member = callerOf({ projectId: MEMBER })
const shared = imageOf({ members: [memberOf(MEMBER, 'pending'), memberOf('project-n', 'pending')] })

function code(decision: Decision): string {
  return decision.kind === 'refuse' ? decision.refusal.code : decision.kind
}

const add = (record = imageOf(), caller = owner, memberId = MEMBER, quota = -1) =>
  decide('image.add-member', live(record), { grant: grantOf(caller), memberId, quota, now: LATER })
const answer = (record = shared, caller = member, memberId = MEMBER, status = 'accepted') =>
  decide('image.answer-member', live(record), { grant: grantOf(caller), memberId, status, now: LATER })
const removeMember = (record = shared, caller = owner, memberId = MEMBER) =>
  decide('image.remove-member', live(record), { grant: grantOf(caller), memberId, now: LATER })

t.test('a new member is pending; the image itself has not changed', async (t) => {
  const record = written(add())
  t.strictSame(record.members, [{ memberId: MEMBER, status: 'pending', createdAt: LATER, updatedAt: LATER }])
  t.equal(record.updatedAt, NOW)
})

t.test('the owner shares, each project once and within the quota', async (t) => {
  t.equal(code(add(shared)), 'CONFLICT')
  t.equal(code(add(shared, admin, 'other', 3)), 'write')
  t.equal(code(add(shared, owner, 'other', 2)), 'TOO_LARGE')
  t.equal(code(add(shared, stranger, 'other')), 'NOT_FOUND')
})

t.test('only a shared image has members to change; they stay meanwhile', async (t) => {
  for (const visibility of ['public', 'private', 'community'] as const) {
    const record = { ...shared, visibility }
    for (const decision of [
      add(record, owner, 'x'),
      answer(record, admin),
      removeMember(record),
      removeMember(record, owner, 'none'),
    ])
      t.equal(code(decision), 'FORBIDDEN', visibility)
  }
  t.equal(code(answer({ ...shared, visibility: 'private' })), 'NOT_FOUND')
})

t.test('a member answers for itself, an admin for all, the owner for none', async (t) => {
  const record = written(answer())
  t.strictSame(record.members, [
    { memberId: MEMBER, status: 'accepted', createdAt: NOW, updatedAt: LATER },
    memberOf('project-n', 'pending'),
  ])
  t.equal(record.updatedAt, NOW)
  t.equal(code(answer(shared, admin)), 'write')
  t.equal(code(answer(shared, owner)), 'FORBIDDEN')
  t.equal(code(answer(shared, member, 'project-n')), 'NOT_FOUND', 'members do not know of each other')
  t.equal(code(answer(shared, admin, 'none')), 'NOT_FOUND')
  t.equal(code(answer(shared, stranger)), 'NOT_FOUND')
  t.equal(code(answer(shared, member, MEMBER, 'maybe')), 'INVALID')
  t.equal(code(answer(shared, owner, MEMBER, 'maybe')), 'FORBIDDEN', 'who may not answer learns that first')
})

t.test('a member is taken off', async (t) => {
  t.strictSame(written(removeMember()).members, [memberOf('project-n', 'pending')])
  t.equal(code(removeMember(shared, stranger)), 'NOT_FOUND')
  t.equal(code(removeMember(shared, owner, 'none')), 'NOT_FOUND')
})

t.test('tags', async (t) => {
  const tagged = imageOf({ tags: ['b'], members: shared.members })
  const put = (tag: string, caller = owner, record = tagged) =>
    decide('image.add-tag', live(record), { grant: grantOf(caller), tag, quotas, now: LATER })
  const take = (tag: string, caller = owner) =>
    decide('image.remove-tag', live(tagged), { grant: grantOf(caller), tag, now: LATER })
  t.match(written(put('a')), { tags: ['a', 'b'], updatedAt: LATER })
  t.equal(code(put('b')), 'keep')
  t.equal(code(put('d', owner, imageOf({ tags: ['a', 'b', 'c'] }))), 'TOO_LARGE')
  t.match(written(take('b')), { tags: [], updatedAt: LATER })
  t.equal(code(take('a')), 'NOT_FOUND')
  for (const decision of [put('a', stranger), take('b', stranger)]) t.equal(code(decision), 'NOT_FOUND')
})

t.test('activation', async (t) => {
  const turn = (name: 'image.deactivate' | 'image.reactivate', record = activeImage(), caller = owner) =>
    decide(name, live(record), { grant: grantOf(caller), now: LATER })
  t.match(written(turn('image.deactivate')), { status: 'deactivated', updatedAt: LATER, size: 5 })
  const deactivated = activeImage({ status: 'deactivated' })
  t.match(written(turn('image.reactivate', deactivated)), { status: 'active', updatedAt: LATER })
  t.equal(code(turn('image.deactivate', deactivated)), 'keep')
  t.equal(code(turn('image.reactivate')), 'keep')
  for (const status of IMAGE_STATUSES.filter((known) => known !== 'active' && known !== 'deactivated')) {
    const expected = status === 'pending_delete' ? 'NOT_FOUND' : 'FORBIDDEN'
    t.equal(code(turn('image.deactivate', imageOf({ status }))), expected, status)
    t.equal(code(turn('image.reactivate', imageOf({ status }))), expected, status)
  }
  t.equal(code(turn('image.deactivate', activeImage(), stranger)), 'NOT_FOUND')
})

t.test('what was allowed for another image is not done to this one', async (t) => {
  const called = { grant: grantOf(owner, { project_id: 'project-2' }), now: LATER }
  const image = live(activeImage({ members: shared.members, tags: ['b'] }))
  for (const decision of [
    decide('image.add-member', image, { ...called, memberId: 'other', quota: -1 }),
    decide('image.answer-member', image, { ...called, memberId: MEMBER, status: 'accepted' }),
    decide('image.remove-member', image, { ...called, memberId: MEMBER }),
    decide('image.add-tag', image, { ...called, tag: 'a', quotas }),
    decide('image.remove-tag', image, { ...called, tag: 'b' }),
    decide('image.deactivate', image, called),
    decide('image.reactivate', image, called),
  ])
    t.equal(code(decision), 'BASIS_CHANGED')
})
