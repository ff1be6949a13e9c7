/** What is seen of an image where locations are not shown and deleted images are gone at once: as Glance comes. */
import { importOf, ended, endedTasks, stage } from './imports.ts'
import { cases, createRaw, download, get, patch, remove, request, show, type Step, upload } from '../case.ts'

const PLACE = { url: '{mirror}/5', metadata: {} }
const withData: readonly Step[] = [createRaw(), upload('abc')]

export default cases('plain', {
  'an image without data': [createRaw(), show(), get('/v2/images?owner={owner}')],
  'an image with data': [...withData, show(), show({ as: 'admin' }), get('/v2/images?owner={owner}')],
  'a deleted one': [...withData, remove(), show(), show({ as: 'admin' }), remove({ as: 'admin' })],
  'a deleted one in lists': [
    ...withData,
    remove(),
    get('/v2/images?owner={owner}'),
    get('/v2/images?status=pending_delete&owner={owner}', { as: 'admin' }),
  ],
  ...Object.fromEntries(
    (['owner', 'admin', 'other'] as const).flatMap((as): [string, Step[]][] => [
      [
        `a first location, by ${as}`,
        [createRaw(), patch([{ op: 'add', path: '/locations/-', value: PLACE }], { as }), show()],
      ],
      [
        `another location, by ${as}`,
        [...withData, patch([{ op: 'add', path: '/locations/-', value: PLACE }], { as }), show()],
      ],
      [
        `other locations, by ${as}`,
        [...withData, patch([{ op: 'replace', path: '/locations', value: [PLACE] }], { as }), show()],
      ],
      [
        `no location, by ${as}`,
        [...withData, patch([{ op: 'remove', path: '/locations/0' }], { as }), show()],
      ],
    ]),
  ),
  'locations on creation': [createRaw({ locations: [PLACE] })],
  // A disk of whole sectors, as Glance counts it; it fails whatever changes its size on the way in.
  'an import is given properties': [
    createRaw(),
    stage(Buffer.alloc(512, 'x')),
    importOf({ method: { name: 'glance-direct' } }),
    ended('active'),
    endedTasks,
    download(),
  ],
  'an import by an administrator is given nothing': [
    createRaw({}, { as: 'admin' }),
    stage(Buffer.alloc(512, 'x'), { as: 'admin' }),
    importOf({ method: { name: 'glance-direct' } }, { as: 'admin' }),
    ended('active', { as: 'admin' }),
  ],
  'a deactivated image': [
    ...withData,
    request('POST', '/v2/images/{id}/actions/deactivate', { as: 'admin' }),
    show(),
    show({ as: 'admin' }),
  ],
})
