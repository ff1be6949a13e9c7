/** Images that are shared with members, and tags. */
import {
  cases,
  create,
  createRaw,
  download,
  get,
  json,
  patch,
  remove,
  request,
  share,
  show,
  type Step,
  upload,
} from '../case.ts'

const MEMBERS = '/v2/images/{id}/members'
const OTHER = `${MEMBERS}/{other}`

const members = (as: Step['as'] = 'owner') => get(MEMBERS, { as })
const member = (as: Step['as'] = 'owner') => get(OTHER, { as })
const answer = (status: unknown, as: Step['as'] = 'other') =>
  request('PUT', OTHER, { ...json({ status }), as })
const unshare = (as: Step['as'] = 'owner') => request('DELETE', OTHER, { as })
const visibility = (value: string, as: Step['as'] = 'admin') =>
  patch([{ op: 'replace', path: '/visibility', value }], { as })

const ADDITIONS: Readonly<Record<string, string>> = {
  nothing: '',
  'an empty object': '{}',
  'an empty name': '{"member":""}',
  null: '{"member":null}',
  'a number': '{"member":1}',
  'a list': '[]',
  'a text': '"x"',
  'no json': '{',
  'more members': '{"member":"m","status":"accepted","more":1}',
  'the longest name': JSON.stringify({ member: 'm'.repeat(255) }),
  'a longer name': JSON.stringify({ member: 'm'.repeat(256) }),
  'a name with signs': '{"member":"a/b ä"}',
  'the owner': '{"member":"{owner}"}',
}
const additions = Object.entries(ADDITIONS).map(([name, body]): [string, Step[]] => [
  `adding ${name}`,
  [create(), request('POST', MEMBERS, { body }), members()],
])

const ANSWERS: readonly unknown[] = ['accepted', 'rejected', 'pending', 'x', '', null, 1, 'ACCEPTED']
const answers = ANSWERS.map((status): [string, Step[]] => [
  `answering ${JSON.stringify(status)}`,
  [create(), share('other'), answer(status), member(), get('/v2/images', { as: 'other' })],
])

const TAGS = [
  'a',
  'a%20b',
  'a%2Fb',
  '%C3%A4',
  't'.repeat(255),
  't'.repeat(256),
  '%00',
  '.',
  '-',
  'a+b',
  'A',
  '%ff',
  '0',
]
const tags = TAGS.map((tag): [string, Step[]] => {
  const path = `/v2/images/{id}/tags/${tag}`
  const put = request('PUT', path)
  const drop = request('DELETE', path)
  const name = tag.length > 20 ? `of ${tag.length} characters` : tag
  return [
    name,
    [create({ tags: ['first'] }), put, put, show(), get(`/v2/images?tag=${tag}`), drop, drop, show()],
  ]
})

export default [
  ...cases('members', {
    none: [create(), members(), member()],
    'added, seen, removed': [
      create(),
      share('other'),
      members(),
      member(),
      unshare(),
      unshare(),
      member(),
      members(),
    ],
    'added twice': [create(), share('other'), share('other'), members()],
    'two of them': [
      create(),
      share('other'),
      share('third'),
      members(),
      members('other'),
      member('third'),
      get(`${MEMBERS}/{third}`, { as: 'other' }),
    ],
    'as others see them': [
      create(),
      share('other'),
      ...(['reader', 'other', 'third', 'admin', 'service', 'roleless', 'projectless'] as const).flatMap(
        (as) => [members(as), member(as)],
      ),
    ],
    'added by others': [
      create(),
      share('third', { as: 'other' }),
      share('other', { as: 'admin' }),
      share('third', { as: 'other' }),
      share('third', { as: 'reader' }),
      members(),
    ],
    'added to a public image by others': [create(), visibility('public'), share('third', { as: 'other' })],
    'answered by others': [
      create(),
      share('other'),
      ...(['owner', 'reader', 'third', 'service'] as const).map((as) => answer('accepted', as)),
      answer('accepted', 'admin'),
      member(),
    ],
    'answered by who is none': [create(), answer('accepted'), visibility('community'), answer('accepted')],
    'answered without a status': [
      create(),
      share('other'),
      request('PUT', OTHER, { as: 'other', body: '{}' }),
      request('PUT', OTHER, { as: 'other', body: '[]' }),
      request('PUT', OTHER, { as: 'other', body: '' }),
      request('PUT', OTHER, { as: 'other', body: 'x' }),
    ],
    'removed by others': [
      create(),
      share('other'),
      unshare('other'),
      unshare('reader'),
      unshare('third'),
      unshare('admin'),
      members(),
    ],
    'that see the image': [
      create(),
      show({ as: 'other' }),
      share('other'),
      show({ as: 'other' }),
      unshare(),
      show({ as: 'other' }),
    ],
    'of a private image': [
      create({ visibility: 'private' }),
      share('other'),
      members(),
      member(),
      unshare(),
      answer('accepted', 'admin'),
    ],
    'of a public image': [
      create(),
      visibility('public'),
      share('other'),
      members(),
      member(),
      members('other'),
      unshare(),
    ],
    'of a community image': [
      create({ visibility: 'community' }),
      share('other'),
      members(),
      members('other'),
    ],
    'kept while private': [
      create(),
      share('other'),
      answer('accepted'),
      visibility('private'),
      show({ as: 'other' }),
      members(),
      visibility('shared'),
      show({ as: 'other' }),
      members(),
    ],
    'of no image': [
      get('/v2/images/x/members'),
      request('POST', '/v2/images/x/members', json({ member: 'm' })),
      get('/v2/images/x/members/m'),
      request('PUT', '/v2/images/x/members/m', json({ status: 'accepted' })),
      request('DELETE', '/v2/images/x/members/m'),
    ],
    'of a deleted image': [create(), share('other'), remove(), members(), share('third'), answer('accepted')],
    'of a hidden image': [create(), members('other'), share('third', { as: 'other' }), unshare('other')],
    'in lists': [
      create({ name: 'a' }),
      share('other'),
      ...[
        '',
        '?member_status=pending',
        '?member_status=all',
        '?member_status=accepted',
        '?visibility=shared',
        '?visibility=shared&member_status=all',
        '?owner={owner}&member_status=all',
      ].map((query) => get(`/v2/images${query}`, { as: 'other' })),
      answer('accepted'),
      ...[
        '',
        '?member_status=pending',
        '?member_status=all',
        '?visibility=shared',
        '?visibility=private',
        '?owner={owner}',
      ].map((query) => get(`/v2/images${query}`, { as: 'other' })),
      answer('rejected'),
      ...['', '?member_status=rejected', '?member_status=x'].map((query) =>
        get(`/v2/images${query}`, { as: 'other' }),
      ),
    ],
    'too many': [
      create(),
      ...['m1', 'm2', 'm3', 'm4', 'm5'].map((name) => request('POST', MEMBERS, json({ member: name }))),
      members(),
    ],
    download: [
      createRaw(),
      upload('abc'),
      download({ as: 'other' }),
      share('other'),
      download({ as: 'other' }),
    ],
    ...Object.fromEntries([...additions, ...answers]),
  }),
  ...cases('tags', Object.fromEntries(tags)),
  ...cases('tags', {
    'of no image': [request('PUT', '/v2/images/x/tags/y'), request('DELETE', '/v2/images/x/tags/y')],
    'of a hidden image': [
      create(),
      request('PUT', '/v2/images/{id}/tags/y', { as: 'other' }),
      request('DELETE', '/v2/images/{id}/tags/y', { as: 'other' }),
    ],
    'of a public image by others': [
      create(),
      visibility('public'),
      request('PUT', '/v2/images/{id}/tags/y', { as: 'other' }),
      request('DELETE', '/v2/images/{id}/tags/y', { as: 'other' }),
    ],
    'by a member': [create(), share('other'), request('PUT', '/v2/images/{id}/tags/y', { as: 'other' })],
    'by a reader': [
      create({ tags: ['y'] }),
      request('PUT', '/v2/images/{id}/tags/z', { as: 'reader' }),
      request('DELETE', '/v2/images/{id}/tags/y', { as: 'reader' }),
    ],
    'too many': [
      create(),
      ...['1', '2', '3', '4', '5', '6', '7'].map((tag) => request('PUT', `/v2/images/{id}/tags/${tag}`)),
      request('PUT', '/v2/images/{id}/tags/1'),
      show(),
    ],
    'of a protected image': [create({ protected: true }), request('PUT', '/v2/images/{id}/tags/y'), show()],
  }),
]
