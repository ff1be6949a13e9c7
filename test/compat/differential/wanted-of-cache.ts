/** The differences of image caches that are wanted. They are compared in a run of their own: image-cache.test.ts. */
import { ABSENT } from './absent.ts'
import type { WantedDifference } from './wanted.ts'

const STATUS = 'status'

export const WANTED_OF_CACHE: readonly WantedDifference[] = [
  { because: 'younger', field: 'body.versions.v2.16.status', glance: 'CURRENT', serac: 'SUPPORTED' },
  { because: 'younger', field: 'body.versions.v2.18', glance: ABSENT },
  { because: 'reserved', field: 'headers.openstack-image-store-ids', serac: 'cluster,main' },
  { because: 'order', in: '*/queue* by roleless', request: 'PUT *', field: STATUS, glance: 403, serac: 404 },
  {
    because: 'order',
    in: '*/delete by roleless',
    request: 'DELETE *',
    field: STATUS,
    glance: 403,
    serac: 404,
  },
  { because: 'order', in: '*/queue* by service', request: 'PUT *', field: STATUS, glance: 403, serac: 404 },
  { because: 'server error', in: 'no cache/delete by *', field: STATUS, glance: 500, serac: 404 },
  { because: 'server error', in: 'cache/* with a body', field: STATUS, glance: 500, serac: 400 },
  { because: 'methods', in: 'cache/*_images * by *', field: STATUS, glance: 404, serac: 405 },
  { because: 'methods', in: 'cache/*_images by *', field: STATUS, glance: 404, serac: 405 },
  {
    because: 'length',
    in: 'cache/*',
    request: 'GET /v2/images/{id}/file',
    field: 'headers.content-length',
    glance: ABSENT,
    serac: '<true>',
  },
  { because: 'no id', in: 'cache/queued_images no id', field: STATUS, glance: 200, serac: 404 },
]
