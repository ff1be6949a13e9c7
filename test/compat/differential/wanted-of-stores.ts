/** The differences from Glance 25.1 that are wanted where there are several stores. */
import { ABSENT } from './absent.ts'
import type { WantedDifference } from './wanted.ts'

const AREA = 'several stores'
const REGIONS = 'regions'

export const WANTED_OF_STORES: readonly WantedDifference[] = [
  ...[AREA, REGIONS].flatMap((area): WantedDifference[] => [
    { because: 'reserved', in: `${area}/*`, field: 'headers.openstack-image-store-ids' },
    { because: 'wording', in: `${area}/*`, field: 'body.tasks.*.message' },
  ]),
  { because: 'inside', in: `${AREA}/what there is`, field: 'body.stores.*' },
  { because: 'own order', in: `${AREA}/*`, field: 'body.tasks.0.input.backend.*' },
  {
    because: 'own order',
    in: `${AREA}/*`,
    field: 'body.stores',
    glance: 'second,main',
    serac: 'main,second',
  },
  {
    because: 'not reached',
    in: `${AREA}/*, where all must succeed`,
    field: 'body.os_glance_failed_import',
    glance: 'broken',
    serac: 'broken,second',
  },
  { because: 'let go', in: `${AREA}/*`, field: 'body.os_glance_import_task', serac: ABSENT },
  ...[
    { field: 'size', glance: null, serac: 15 },
    { field: 'virtual_size', glance: 15, serac: null },
    { field: 'status', glance: 'importing', serac: 'uploading' },
  ].map(({ field, ...values }): WantedDifference => ({
    because: 'let go',
    in: `${AREA}/staged, where all must succeed`,
    field: `body.${field}`,
    ...values,
  })),
  ...[
    { field: 'size', glance: null, serac: 15 },
    { field: 'status', glance: 'queued', serac: 'uploading' },
  ].map(({ field, ...values }): WantedDifference => ({
    because: 'let go',
    in: `${AREA}/staged, to one that fails`,
    field: `body.${field}`,
    ...values,
  })),
  ...['one that fails', 'two that fail'].flatMap((stores) =>
    ['status', 'result'].map((field): WantedDifference => ({
      because: 'none reached',
      in: `${AREA}/copied to ${stores}`,
      field: `body.tasks.0.${field}`,
    })),
  ),
  {
    because: 'earlier import',
    in: `${AREA}/from the web, where all must succeed`,
    field: 'body.os_glance_failed_import',
    glance: 'broken',
    serac: '',
  },
  {
    because: 'store down',
    in: `${AREA}/uploaded to one that fails`,
    field: 'status',
    glance: 500,
    serac: 503,
  },
  {
    because: 'left over',
    in: `${REGIONS}/*`,
    field: 'body.os_glance_importing_to_stores',
    glance: 'second',
    serac: '',
  },
  {
    because: 'left over',
    in: `${REGIONS}/*`,
    field: 'body.os_glance_failed_import',
    glance: '',
    serac: 'second',
  },
  ...['hw_disk_bus', 'os_distro', 'os_type'].map((name): WantedDifference => ({
    because: 'left over',
    in: `${REGIONS}/of an image that is * than it says`,
    field: `body.${name}`,
    serac: ABSENT,
  })),
  {
    because: 'let go',
    in: `${REGIONS}/of an image that is * than it says`,
    field: 'body.os_glance_import_task',
    serac: ABSENT,
  },
]
