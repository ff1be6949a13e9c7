import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { Scrubber } from '../../../node/loops/scrubber.ts'
import { ImageAdmin } from '../../../node/status/image-admin.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { activeImage, ID } from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

const KEEP_MS = 3_600_000

function scrubberOf({ seesTo = true } = {}) {
  const registers = new MemoryRegisters()
  const clock = new ManualClock('2026-01-01T12:00:00Z')
  const state = { caughtUp: true }
  const pendingImages = () => [...registers.index.rows()].filter(({ status }) => status === 'pending_delete')
  const parts = { clock, log: silentLog, registers: registers.images, pendingImages }
  const scrubber = new Scrubber(
    { ...parts, seesTo: () => seesTo, caughtUp: () => state.caughtUp },
    { keepMs: KEEP_MS },
  )
  t.teardown(() => scrubber.loop.stop())
  registers.put(activeImage({ status: 'pending_delete', deletedAt: '2026-01-01T12:00:00Z' }))
  return { scrubber, registers, clock, state, admin: new ImageAdmin(parts) }
}

t.test('an image ends when its time is over, not before', async (t) => {
  const { scrubber, registers, clock } = scrubberOf()
  scrubber.loop.start()
  await clock.advance(KEEP_MS - 1)
  t.equal(registers.record(ID)?.status, 'pending_delete')
  t.match(scrubber.loop.describe(), { queue: { depth: 1, oldestAgeMs: KEEP_MS - 1 } })
  await clock.advance(10_000)
  t.match(registers.record(ID), { status: 'deleted', deletedAt: '2026-01-01T12:00:00Z' })
  t.match(scrubber.loop.describe(), { lastError: null, queue: { depth: 0, oldestAgeMs: 0 } })
})

t.test('the others come a minute later', async (t) => {
  const { scrubber, registers, clock } = scrubberOf({ seesTo: false })
  scrubber.loop.start()
  await clock.advance(KEEP_MS + 59_000)
  t.equal(registers.record(ID)?.status, 'pending_delete')
  await clock.advance(11_000)
  t.equal(registers.record(ID)?.status, 'deleted')
})

t.test('until this node has caught up it stands still', async (t) => {
  const { scrubber, registers, clock, state } = scrubberOf()
  state.caughtUp = false
  scrubber.loop.start()
  await clock.advance(2 * KEEP_MS)
  t.equal(registers.record(ID)?.status, 'pending_delete')
})

t.test('an operator sees what waits and takes it back; the scrubber is too late then', async (t) => {
  const { scrubber, registers, clock, admin } = scrubberOf()
  t.match(await admin.deleted(), { images: [{ id: ID, deletedAt: '2026-01-01T12:00:00Z', size: 5 }] })
  registers.beforeExecute = (name) => {
    registers.beforeExecute = () => {}
    if (name === 'image.scrub') void admin.restore(ID)
  }
  scrubber.loop.start()
  await clock.advance(KEEP_MS + 10_000)
  t.equal(registers.record(ID)?.status, 'active')
  t.equal(scrubber.loop.describe().lastError, null)
  await t.rejects(admin.restore(ID), { code: 'CONFLICT' })
  t.strictSame(await admin.deleted(), { images: [] })
})
