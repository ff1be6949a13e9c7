/** Imports from the image service of another region: `{mirror}/remote` is what the caller's catalogue says of it. */
import { type Case, cases, create, createRaw, download, get, remove, type Step } from '../case.ts'
import { REMOTE } from '../mirror.ts'
import { ended, endedTasks, endedTo, importOf } from './imports.ts'

const CATALOG = [
  { type: 'identity', endpoints: [{ region: 'Elsewhere', publicURL: 'http://keystone.example' }] },
  {
    type: 'image',
    endpoints: [
      { region: 'Nowhere', publicURL: 'http://127.0.0.1:1' },
      { region: 'Elsewhere', publicURL: '{mirror}/remote', internalURL: '{mirror}/nothing' },
    ],
  },
]
const headers = { 'x-auth-token': 'a-token', 'x-service-catalog': JSON.stringify(CATALOG) }

function from(method: object): Step {
  const body = {
    method: { name: 'glance-download', glance_region: 'Elsewhere', ...method },
    stores: ['second'],
  }
  return importOf(body, { headers })
}

const good = from({ glance_image_id: REMOTE.active })

/** What is wrong with what is asked for, which is said at once. */
const REFUSED: Readonly<Record<string, object>> = {
  'without an id': {},
  'with an id that is none': { glance_image_id: 'x' },
  'of no region': { glance_region: undefined, glance_image_id: REMOTE.active },
}
/** What turns out when it is fetched. */
const FAILED: Readonly<Record<string, object>> = {
  'of an image that is not there': { glance_image_id: REMOTE.absent },
  'of an image without data': { glance_image_id: REMOTE.queued },
  'of an image that is longer than it says': { glance_image_id: REMOTE.longer },
  'of an image that is shorter than it says': { glance_image_id: REMOTE.shorter },
  'of a region that the catalogue does not have': { glance_region: 'Away', glance_image_id: REMOTE.active },
  'of a region where nobody listens': { glance_region: 'Nowhere', glance_image_id: REMOTE.active },
  'by another interface': { glance_service_interface: 'internal', glance_image_id: REMOTE.active },
}

export default cases('regions', {
  'an image, its formats and some of its properties': [
    createRaw({ disk_format: 'qcow2', hw_kept: 'here' }),
    good,
    ended('active'),
    endedTasks,
    download(),
    remove(),
  ],
  'a region in other letters': [
    createRaw(),
    from({ glance_region: 'ELSEWHERE', glance_image_id: REMOTE.active, glance_service_interface: 'public' }),
    ended('active'),
    remove(),
  ],
  'without formats': [create(), good, remove()],
  ...Object.fromEntries(
    Object.entries(REFUSED).map(([name, method]) => [
      name,
      [createRaw(), from(method), get('/v2/images/{id}/tasks'), remove()],
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(FAILED).map(([name, method]) => [
      name,
      [createRaw({ hw_kept: 'here' }), from(method), ...endedTo(), download(), remove()],
    ]),
  ),
}) satisfies Case[]
