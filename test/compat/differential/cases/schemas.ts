/** What clients build their models from. */
import { cases, get } from '../case.ts'

const NAMES = ['image', 'images', 'member', 'members', 'task', 'tasks']

export default [
  ...cases('schemas', Object.fromEntries(NAMES.map((name) => [name, [get(`/v2/schemas/${name}`)]]))),
  ...cases('schemas', {
    'for anybody with a token': [
      get('/v2/schemas/member', { as: 'roleless' }),
      get('/v2/schemas/member', { as: 'service' }),
    ],
    'without a token': [get('/v2/schemas/member', { as: 'nobody' })],
    'through a minor version': [get('/v2.2/schemas/members')],
    'with a query': [get('/v2/schemas/member?x=y')],
  }),
]
