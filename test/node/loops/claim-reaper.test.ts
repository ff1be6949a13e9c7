import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { silentLog } from '../../../cluster/runtime.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import { ClaimReaper } from '../../../node/loops/claim-reaper.ts'
import { activeImage, ID, imageOf, ROOT, UPLOAD_ID } from '../images/image-fixture.ts'

const upload = { uploadId: UPLOAD_ID, node: 'a', startNonce: '00' }

function reaperOf() {
  const state = {
    images: [] as ImageRecord[],
    learnedRoots: new Set<string>(),
    pinned: [] as string[],
    freshen: (): Promise<void> => Promise.resolve(),
  }
  const events: string[] = []
  const reaper = new ClaimReaper({
    log: silentLog,
    chunks: {
      pinnedUploads: () => Promise.resolve(state.pinned.map((id) => ({ upload: id, pinnedMs: 0 }))),
      unpin: async (id) => void events.push(`unpin ${id}`),
    },
    holder: {
      release: async (roots) => {
        events.push(...roots.map((root) => `release ${root}`))
        return roots.length
      },
    },
    liveImages: () => state.images,
    freshen: () => state.freshen(),
    isRootLearned: async (root) => state.learnedRoots.has(root),
    reconcile: (id) => events.push(`reconcile ${id}`),
  })
  return { reaper, state, events }
}

t.test('an upload that no record names is over, whoever it belonged to', async (t) => {
  const { reaper, state, events } = reaperOf()
  state.pinned = [UPLOAD_ID]
  state.images = [imageOf()]
  await reaper.settleUploads()
  t.strictSame(events, [`unpin ${UPLOAD_ID}`])
})

t.test('an upload that goes on keeps its pins, however old', async (t) => {
  const { reaper, state, events } = reaperOf()
  state.pinned = [UPLOAD_ID]
  state.images = [imageOf({ status: 'saving', upload })]
  await reaper.settleUploads()
  t.strictSame(events, [])
})

t.test('the pins of an upload that became an image are the updater’s to turn into references', async (t) => {
  const { reaper, state, events } = reaperOf()
  state.pinned = [UPLOAD_ID]
  state.images = [activeImage()]
  await reaper.settleUploads()
  t.strictSame(events, [`reconcile ${ID}`])
})

t.test('the records are asked after the pins were listed', async (t) => {
  const { reaper, state, events } = reaperOf()
  state.pinned = [UPLOAD_ID]
  state.freshen = () => {
    state.images = [imageOf({ status: 'saving', upload })]
    state.pinned.push('later')
    return Promise.resolve()
  }
  await reaper.settleUploads()
  t.strictSame(events, [])
})

t.test(
  'a root that no image has is let go; one that was learned or became one meanwhile stays',
  async (t) => {
    const { reaper, state, events } = reaperOf()
    state.learnedRoots.add('learned')
    state.freshen = () => {
      state.images = [activeImage()]
      return Promise.resolve()
    }
    await reaper.releaseUnwanted([ROOT, 'gone', 'learned'])
    t.strictSame(events, ['release gone'])
  },
)

t.test('without a majority nothing is dropped', async (t) => {
  const { reaper, state, events } = reaperOf()
  state.pinned = [UPLOAD_ID]
  state.freshen = () => Promise.reject(new ClusterError('NO_QUORUM', 'no majority'))
  await t.rejects(reaper.settleUploads(), { code: 'NO_QUORUM' })
  await t.rejects(reaper.releaseUnwanted([ROOT]), { code: 'NO_QUORUM' })
  t.strictSame(events, [])
})

const staged = {
  ...activeImage().data!,
  sizeBytes: 5,
  virtualSize: null,
  md5: 'm5',
  sha512: 's5',
  problem: null,
  stagedAt: '2026-01-01T00:00:00Z',
}

t.test('what is staged is somebody’s: its pins and its references', async (t) => {
  const { reaper, state, events } = reaperOf()
  state.pinned = [UPLOAD_ID]
  state.images = [imageOf({ status: 'uploading', staged })]
  await reaper.settleUploads()
  await reaper.releaseUnwanted([ROOT])
  t.strictSame(events, [`reconcile ${ID}`])
  state.images = [imageOf()]
  await reaper.releaseUnwanted([ROOT])
  t.strictSame(events, [`reconcile ${ID}`, `release ${ROOT}`])
})
