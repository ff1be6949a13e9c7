/** What is said of back ends that some nodes, or all, cannot use, or see elsewhere. */
import t from 'tap'
import { backendFaults } from '../../../node/status/backend-checks.ts'
import { countStores } from '../../../node/status/store-count.ts'
import { countWork } from '../../../node/status/work-count.ts'
import type { NodeStatus } from '../../../node/status/status-types.ts'
import { TimeSlice } from '../../../node/images/time-slice.ts'
import { StoreList } from '../../../node/images/store-list.ts'
import { activeImage, imageOf } from '../images/image-fixture.ts'

const failure = 'The store big does not answer.'
const down = { store: 'big', failure, marker: null }
const well = { store: 'big', failure: null, marker: 'm1' }
const astray = { store: 'big', failure: null, marker: 'm2' }
const none = { images: 0, bytes: 0 }

function faults(only: number, ...words: (typeof down | typeof well | null)[]) {
  const nodes = words.map((word, at) => ({ id: `n${at}`, backends: word && [word] }) as NodeStatus)
  const stores = [
    { id: 'big', type: 's3' as const, isDefault: false, images: none, only: { images: only, bytes: 0 } },
  ]
  return backendFaults({ nodes, stores })
}

t.test('down for all it is about the cluster; critical when images are nowhere else', async (t) => {
  t.match(faults(0, down, down, null), [{ code: 'BACKEND_DOWN', severity: 'warning', who: null, why: /big/ }])
  t.equal(faults(0, down, down).length, 1)
  t.match(faults(2, down, down), [{ severity: 'critical', who: null, why: /2 images are in no other store/ }])
})

t.test('down for some it is about these nodes', async (t) => {
  t.match(faults(2, down, well, down), [
    { code: 'BACKEND_DOWN', severity: 'warning', who: 'n0' },
    { code: 'BACKEND_DOWN', severity: 'warning', who: 'n2' },
  ])
})

t.test('whoever finds another marker than most looks at another place', async (t) => {
  t.match(faults(0, well, astray, well), [{ code: 'BACKEND_NOT_SHARED', who: 'n1', why: /big/ }])
  t.equal(faults(0, well, astray, well).length, 1)
  t.match(faults(0, astray, well), [{ who: 'n0' }], 'of two, the same one whoever is asked')
  t.strictSame(faults(0, well, well, { ...well, marker: null as unknown as string }), [], 'not looked at yet')
})

t.test('images, bytes and what is in one store alone are counted, stages and tasks as well', async (t) => {
  const backends = [{ id: 'big', type: 's3' as const, weight: 0, description: null, properties: {} }]
  const stores = new StoreList({ clusterId: 'cluster', isHttpOn: false, backends })
  const inBig = { url: 's3://h/b/x', metadata: {}, store: 'big' }
  const images = [
    activeImage({ size: 5 }),
    activeImage({ size: 7, data: null, locations: [inBig] }),
    activeImage({ size: 11, locations: [{ url: `serac://${activeImage().id}`, metadata: {} }, inBig] }),
    imageOf({ id: 'queued' }),
  ]
  t.match(await countStores(images, stores, new TimeSlice(() => 0)), [
    { id: 'cluster', images: { images: 2, bytes: 16 }, only: { images: 1, bytes: 5 } },
    { id: 'big', images: { images: 2, bytes: 18 }, only: { images: 1, bytes: 7 } },
  ])
  const staged = { ...imageOf(), staged: { sizeBytes: 3 } } as never
  t.strictSame(countWork([staged, ...images], [{ status: 'success' }, { status: 'pending' }]), {
    staged: { images: 1, bytes: 3 },
    tasks: { pending: 1, processing: 0, success: 1, failure: 0 },
  })
})
