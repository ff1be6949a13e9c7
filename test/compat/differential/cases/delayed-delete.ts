/** Images that are deleted and whose bytes wait: `delayed_delete` is on, and nobody sees anything of it. */
import {
  cases,
  create,
  createRaw,
  download,
  get,
  patch,
  remove,
  request,
  show,
  type Step,
  upload,
} from '../case.ts'

const DELETED: readonly Step[] = [createRaw(), upload('abc'), remove()]
const ID = '70000000-0000-4000-8000-000000000001'

export default cases('delayed delete', {
  'is gone for its owner': [...DELETED, show(), download()],
  'is gone for the admin': [...DELETED, show({ as: 'admin' }), download({ as: 'admin' })],
  'cannot be changed': [
    ...DELETED,
    patch([{ op: 'replace', path: '/name', value: 'x' }]),
    patch([{ op: 'replace', path: '/name', value: 'x' }], { as: 'admin' }),
    request('PUT', '/v2/images/{id}/tags/x'),
    request('POST', '/v2/images/{id}/actions/reactivate', { as: 'admin' }),
  ],
  'cannot be deleted again': [...DELETED, remove(), remove({ as: 'admin' })],
  'takes no data': [...DELETED, upload('abc')],
  'is in no list': [
    ...DELETED,
    get('/v2/images?owner={owner}'),
    get('/v2/images?status=pending_delete'),
    get('/v2/images?status=pending_delete&owner={owner}', { as: 'admin' }),
    get('/v2/images?status=deleted&owner={owner}', { as: 'admin' }),
    get('/v2/images?marker={id}'),
  ],
  'has no members': [...DELETED, get('/v2/images/{id}/members')],
  'keeps its id': [
    create({ id: ID, disk_format: 'raw', container_format: 'bare' }),
    upload('abc'),
    remove(),
    create({ id: ID }),
  ],
  'without data is deleted at once': [createRaw(), remove(), show(), show({ as: 'admin' })],
  'while protected': [
    createRaw({ protected: true }),
    upload('abc'),
    remove(),
    remove({ as: 'admin' }),
    show(),
  ],
  'of a deactivated image': [
    createRaw(),
    upload('abc'),
    request('POST', '/v2/images/{id}/actions/deactivate', { as: 'admin' }),
    remove(),
    show({ as: 'admin' }),
  ],
  'of a deactivated image, by the admin': [
    createRaw(),
    upload('abc'),
    request('POST', '/v2/images/{id}/actions/deactivate', { as: 'admin' }),
    remove({ as: 'admin' }),
    show({ as: 'admin' }),
  ],
  'of bytes that lie elsewhere': [
    createRaw(),
    patch([{ op: 'add', path: '/locations/-', value: { url: '{mirror}/5', metadata: {} } }]),
    remove(),
    show({ as: 'admin' }),
  ],
})
