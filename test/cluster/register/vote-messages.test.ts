import t from 'tap'
import { parseCatchUpRequest, parseVoteRequest } from '../../../cluster/register/vote-messages.ts'
import { ballotOf, since } from './register-fixture.ts'

const ballot = ballotOf(1)
const value = new Uint8Array([1])

const votes = [
  { kind: 'prepare', key: 'k', ballot },
  { kind: 'accept', key: 'k', ballot, value },
  { kind: 'read', items: [] },
  {
    kind: 'read',
    items: [
      { key: 'k', known: null },
      { key: 'k', known: ballot },
    ],
  },
  { kind: 'committed', items: [{ key: 'k', ballot, digest: 'd', value: null }], votes: [] },
  { kind: 'committed', items: [{ key: 'k', ballot, digest: 'd', value }], votes: [] },
  { kind: 'committed', items: [], votes: [{ voter: 'v', dbUuid: 'd', voteSequence: 1 }] },
  { kind: 'execute', key: 'k', call: { name: 'n', args: 1, opId: 'o' }, since: since(0) },
  { kind: 'remove', key: 'k', ballot },
  { kind: 'copy', items: [{ key: 'k', ballot, value }] },
]
const notVotes = [
  null,
  'prepare',
  {},
  { kind: 'explode', key: 'k', ballot },
  { kind: 'prepare', key: 1, ballot },
  { kind: 'prepare', key: 'k', ballot: { counter: -1, nonce: ballot.nonce } },
  { kind: 'prepare', key: 'k', ballot: { counter: 1.5, nonce: ballot.nonce } },
  { kind: 'prepare', key: 'k', ballot: { counter: 1, nonce: 'ABCDEF0123456789' } },
  { kind: 'prepare', key: 'k', ballot: { counter: 1, nonce: '' } },
  { kind: 'accept', key: 'k', ballot, value: 'text' },
  { kind: 'accept', key: 'k', ballot },
  { kind: 'read', items: [{ key: 'k' }] },
  { kind: 'read', items: 'k' },
  { kind: 'committed', items: [{ key: 'k', ballot, digest: 'd' }], votes: [] },
  { kind: 'committed', items: [] },
  { kind: 'committed', items: [], votes: [{ voter: 'v', dbUuid: 'd', voteSequence: -1 }] },
  { kind: 'committed', key: 'k', ballot, digest: 'd', value },
  { kind: 'execute', key: 'k', call: { name: 'n' }, since: since(0) },
  { kind: 'execute', key: 'k', call: { name: 'n', opId: 'o' }, since: null },
  { kind: 'execute', key: 'k', call: { name: 'n', opId: 'o' }, since: { version: -1, floor: ballot } },
  { kind: 'remove', key: 'k' },
  { kind: 'copy', items: [{ key: 'k', ballot }] },
  { kind: 'copy', items: null },
]

t.test('well-formed vote requests pass', async (t) => {
  for (const request of votes) t.equal(parseVoteRequest(request), request)
})

t.test('malformed vote requests are refused', async (t) => {
  for (const request of notVotes)
    t.throws(() => parseVoteRequest(request), { code: 'BAD_FRAME' }, JSON.stringify(request))
})

t.test('catch-up requests are checked alike', async (t) => {
  const good = [
    { kind: 'changes', cursor: null, limit: 10 },
    { kind: 'changes', cursor: { dbUuid: 'u', sequence: 3 }, limit: 0 },
    { kind: 'digests', afterKey: '', limit: 10 },
    { kind: 'accepted', afterKey: 'k', limit: 10 },
    { kind: 'witness' },
  ]
  const bad = [
    undefined,
    { kind: 'changes', cursor: null },
    { kind: 'changes', cursor: { dbUuid: 'u' }, limit: 1 },
    { kind: 'changes', cursor: null, limit: -1 },
    { kind: 'digests', limit: 10 },
    { kind: 'accepted', afterKey: '' },
    { kind: 'rows', afterKey: '', limit: 10 },
  ]
  for (const request of good) t.equal(parseCatchUpRequest(request), request)
  for (const request of bad) t.throws(() => parseCatchUpRequest(request), { code: 'BAD_FRAME' })
})
