import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { Reaper } from '../../../node/loops/reaper.ts'
import { WorkerLife, type Life } from '../../../node/loops/worker-life.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { activeImage, ID, imageOf, savingImage, upload } from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

const STAGED_MS = 3_600_000
const same: Life = { startNonce: upload.startNonce, silentMs: 0 }

function reaperOf({ self = 'node-b' } = {}) {
  const registers = new MemoryRegisters()
  registers.put(savingImage())
  const state = { life: same, runningHere: new Set<string>(), caughtUp: true }
  const clock = new ManualClock()
  const workers = new WorkerLife({
    self,
    lifeOf: () => state.life,
    isRunningHere: (id) => state.runningHere.has(id),
  })
  const reaper = new Reaper(
    {
      clock,
      log: silentLog,
      registers: registers.images,
      claimedImages: () => [ID],
      workers,
      caughtUp: () => state.caughtUp,
    },
    { stagedMs: STAGED_MS },
  )
  t.teardown(() => reaper.loop.stop())
  return { reaper, registers, state, clock }
}

type Parts = ReturnType<typeof reaperOf>

async function statusAfterALook({ reaper, registers, clock }: Parts) {
  reaper.loop.start()
  await clock.advance(0)
  return registers.record(ID)?.status
}

t.test('an uploader that lives keeps its image', async (t) => {
  t.equal(await statusAfterALook(reaperOf()), 'saving')
})

t.test('an uploader that was started anew has forgotten its upload', async (t) => {
  const parts = reaperOf()
  parts.state.life = { startNonce: '2'.repeat(16), silentMs: 0 }
  t.equal(await statusAfterALook(parts), 'queued')
})

t.test('an uploader that is silent for a minute is gone', async (t) => {
  const parts = reaperOf()
  parts.state.life = { startNonce: null, silentMs: 59_999 }
  t.equal(await statusAfterALook(parts), 'saving')
  parts.state.life = { startNonce: null, silentMs: 60_000 }
  await parts.clock.advance(5000)
  t.equal(parts.registers.record(ID)?.status, 'queued')
})

t.test('an upload of this node that runs keeps its image', async (t) => {
  const parts = reaperOf({ self: upload.node })
  parts.state.runningHere.add(upload.uploadId)
  t.equal(await statusAfterALook(parts), 'saving')
})

t.test('an upload of this node that was given up leaves its image', async (t) => {
  t.equal(await statusAfterALook(reaperOf({ self: upload.node })), 'queued')
})

t.test('stands still until this node has caught up', async (t) => {
  const parts = reaperOf()
  parts.state.life = { startNonce: null, silentMs: 99_999 }
  parts.state.caughtUp = false
  t.equal(await statusAfterALook(parts), 'saving')
  t.strictSame(parts.registers.calls, [])
})

t.test('the register decides: an upload that ended meanwhile is left alone', async (t) => {
  const parts = reaperOf()
  parts.state.life = { startNonce: null, silentMs: 99_999 }
  parts.registers.beforeExecute = () => parts.registers.put(activeImage())
  t.equal(await statusAfterALook(parts), 'active')
  t.equal(parts.reaper.loop.describe().lastError, null)
})

t.test('an image that is no longer saving here is not touched', async (t) => {
  const parts = reaperOf()
  parts.registers.put(imageOf())
  await statusAfterALook(parts)
  t.strictSame(parts.registers.calls, [])
})

t.test('without a majority it tries again', async (t) => {
  const parts = reaperOf()
  parts.state.life = { startNonce: null, silentMs: 99_999 }
  parts.registers.hasQuorum = false
  t.equal(await statusAfterALook(parts), 'saving')
  t.equal(parts.reaper.loop.describe().state, 'failed')
  parts.registers.hasQuorum = true
  await parts.clock.advance(5000)
  t.equal(parts.registers.record(ID)?.status, 'queued')
})

const hashing = {
  hashId: 'h1',
  node: upload.node,
  startNonce: upload.startNonce,
  hashAlgo: 'sha512' as const,
  expected: 'aa',
}
const locations = [{ url: 'http://mirror.example/', metadata: {} }]

t.test(
  'an image that waits for digests which nobody computes is queued again; one that is active stays',
  async (t) => {
    for (const [status, expected] of [
      ['importing', 'queued'],
      ['active', 'active'],
    ] as const) {
      const parts = reaperOf()
      parts.registers.put(imageOf({ status, size: 5, locations, hashing }))
      t.equal(await statusAfterALook(parts), status, 'its node lives')
      parts.state.life = { startNonce: '2'.repeat(16), silentMs: 0 }
      await parts.clock.advance(5000)
      t.equal(parts.registers.record(ID)?.status, expected)
      t.notOk('hashing' in (parts.registers.record(ID) ?? {}))
    }
  },
)

t.test('this node ends only what it does not compute any more', async (t) => {
  const parts = reaperOf({ self: upload.node })
  parts.registers.put(imageOf({ status: 'importing', size: 5, locations, hashing }))
  parts.state.runningHere.add('h1')
  t.equal(await statusAfterALook(parts), 'importing')
  parts.state.runningHere.clear()
  await parts.clock.advance(5000)
  t.equal(parts.registers.record(ID)?.status, 'queued')
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

t.test('an import whose node is gone leaves what was staged; without it the image is queued', async (t) => {
  for (const [image, expected] of [
    [imageOf({ staged, size: 5 }), { status: 'uploading', staged, size: 5, upload: null }],
    [imageOf(), { status: 'queued', upload: null }],
  ] as const) {
    const parts = reaperOf()
    parts.registers.put({ ...image, status: 'importing', upload: { ...upload, onFailure: 'end-import' } })
    t.equal(await statusAfterALook(parts), 'importing')
    parts.state.life = { startNonce: '2'.repeat(16), silentMs: 0 }
    await parts.clock.advance(5000)
    t.match(parts.registers.record(ID), expected)
  }
})

t.test('a stage whose node is gone leaves nothing', async (t) => {
  const parts = reaperOf()
  parts.registers.put(imageOf({ status: 'uploading', upload: { ...upload, onFailure: 'unstage' } }))
  parts.state.life = { startNonce: '2'.repeat(16), silentMs: 0 }
  t.equal(await statusAfterALook(parts), 'queued')
})

t.test('staged bytes wait their time, and longer while they are imported', async (t) => {
  const parts = reaperOf()
  parts.registers.put(imageOf({ status: 'uploading', staged, size: 5 }))
  t.equal(await statusAfterALook(parts), 'uploading')
  await parts.clock.advance(STAGED_MS - 5000)
  t.equal(parts.registers.record(ID)?.status, 'uploading')
  const claim = { ...upload, onFailure: 'end-import' as const }
  parts.registers.put(imageOf({ status: 'importing', staged, size: 5, upload: claim }))
  await parts.clock.advance(10_000)
  t.equal(parts.registers.record(ID)?.status, 'importing')
  parts.registers.put(imageOf({ status: 'uploading', staged, size: 5 }))
  await parts.clock.advance(5000)
  t.match(parts.registers.record(ID), { status: 'queued', size: null })
  t.notOk('staged' in (parts.registers.record(ID) ?? {}))
})
