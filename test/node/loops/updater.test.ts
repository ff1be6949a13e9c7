import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import type { Holding } from '../../../node/data/image-holder.ts'
import type { ImageSource } from '../../../node/data/image-reader.ts'
import type { GivenUp } from '../../../node/data/misplaced-copies.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import { Updater } from '../../../node/loops/updater.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { activeImage, data, ID, imageOf, ROOT, UPLOAD_ID } from '../images/image-fixture.ts'

function updaterOf(record: ImageRecord | null, { live = true } = {}) {
  const state = {
    known: record && { live, record },
    placed: true,
    voter: false,
    caughtUp: true,
    holding: 'nothing' as Holding,
    outChanges: false,
    giveUp: (): Promise<GivenUp> => Promise.resolve('gone'),
    pull: (): Promise<void> => Promise.resolve(),
  }
  const events: string[] = []
  const warnings: object[] = []
  const held = new Set<string>()
  const clock = new ManualClock()
  const updater = new Updater({
    clock,
    random: { ...systemRandom, float: () => 0.5 },
    log: { ...silentLog, warn: (fields) => void warnings.push(fields) },
    holder: {
      isHeld: (root) => held.has(root),
      pull: async ({ root }: ImageSource) => {
        events.push('pull')
        await state.pull()
        held.add(root)
      },
      holding: async () => state.holding,
      keepManifest: async () => {
        events.push('manifest')
        state.holding = 'manifest'
      },
      unpin: async (upload) => void events.push(`unpin ${upload}`),
    },
    misplaced: {
      giveUp: async ({ root }) => {
        events.push('give up')
        const outcome = await state.giveUp()
        if (outcome === 'gone') {
          held.delete(root)
          state.holding = 'nothing'
        }
        return outcome
      },
    },
    out: {
      look: () => {
        const isNews = state.outChanges
        state.outChanges = false
        return isNews
      },
    },
    pace: { rate: { unit: 'bytes', perSecond: 1, fixed: null }, fix: () => {}, isResting: false },
    settled: () => state.known,
    allImages: () => (state.known ? [ID] : []),
    belongsHere: () => state.placed,
    isVoter: () => state.voter,
    caughtUp: () => state.caughtUp,
  })
  t.teardown(() => updater.loop.stop())
  return { updater, state, events, held, clock, warnings }
}

const unpin = `unpin ${UPLOAD_ID}`

t.test('pulls an active image that belongs here, then ends its pins', async (t) => {
  const { updater, events, held, clock } = updaterOf(activeImage())
  updater.loop.start()
  await clock.advance(0)
  t.strictSame(events, ['pull', unpin])
  t.ok(held.has(ROOT))
  t.match(updater.loop.describe(), { name: 'updater', queue: { depth: 0, oldestAgeMs: 0 } })
})

t.test('pulls nothing that is here already', async (t) => {
  const { updater, events, held, clock } = updaterOf(activeImage())
  held.add(ROOT)
  updater.loop.start()
  await clock.advance(0)
  t.strictSame(events, [unpin])
})

t.test('pulls nothing that belongs elsewhere', async (t) => {
  const { updater, state, events, clock } = updaterOf(activeImage())
  state.placed = false
  updater.loop.start()
  await clock.advance(0)
  t.strictSame(events, [unpin])
})

t.test('gives up a whole copy outside the placement, and keeps the manifest where it votes', async (t) => {
  for (const voter of [false, true]) {
    const { updater, state, events, held, clock } = updaterOf(activeImage())
    Object.assign(state, { placed: false, voter })
    held.add(ROOT)
    updater.loop.start()
    await clock.advance(0)
    t.strictSame(events, ['give up', ...(voter ? ['manifest'] : []), unpin])
  }
})

t.test(
  'a copy that not everybody has verified yet stays, with its pins, and is looked at again',
  async (t) => {
    const { updater, state, events, held, clock, warnings } = updaterOf(activeImage())
    state.placed = false
    state.giveUp = () => Promise.resolve('later')
    held.add(ROOT)
    updater.loop.start()
    await clock.advance(0)
    t.strictSame(events, ['give up'])
    t.match(updater.loop.describe(), { queue: { depth: 1 }, lastError: null })
    t.strictSame(warnings, [], 'that is how it should be')
    state.giveUp = () => Promise.resolve('gone')
    await clock.advance(1000)
    t.strictSame(events, ['give up', 'give up', unpin])
  },
)

t.test('what images of the same bytes want here is let alone', async (t) => {
  const { updater, state, events, held, clock } = updaterOf(activeImage())
  state.placed = false
  state.giveUp = () => Promise.resolve('wanted')
  held.add(ROOT)
  updater.loop.start()
  await clock.advance(61_000)
  t.strictSame(events, ['give up', unpin])
})

t.test('a voter brings the manifest of what belongs elsewhere, once', async (t) => {
  const { updater, state, events, clock } = updaterOf(activeImage())
  Object.assign(state, { placed: false, voter: true })
  updater.loop.start()
  await clock.advance(0)
  t.strictSame(events, ['manifest', unpin])
  updater.placementChanged()
  await clock.advance(0)
  t.strictSame(events, ['manifest', unpin, unpin])
})

t.test('when the placement changes, what was in order is looked at again', async (t) => {
  for (const reason of ['config', 'out']) {
    const { updater, state, events, held, clock } = updaterOf(activeImage())
    held.add(ROOT)
    updater.loop.start()
    await clock.advance(0)
    state.placed = false
    await clock.advance(61_000)
    t.strictSame(events, [unpin], 'a common sweep does not ask where each image belongs')
    if (reason === 'config') updater.placementChanged()
    else state.outChanges = true
    await clock.advance(500)
    t.strictSame(events, [unpin, 'give up', unpin])
  }
})

t.test('a large image that takes its time holds up no other', async (t) => {
  const { updater, state, events, clock } = updaterOf(activeImage())
  const large = deferred()
  state.pull = () => large.promise
  updater.loop.start()
  await clock.advance(10)
  state.pull = () => Promise.resolve()
  updater.enqueue('another')
  await clock.advance(0)
  t.strictSame(events, ['pull', 'pull', unpin])
  large.resolve()
  await clock.advance(0)
  t.equal(updater.loop.describe().state, 'idle')
})

t.test('of a deleted image it ends the pins; the rest is for the chunk reaper', async (t) => {
  const { updater, events, held, clock } = updaterOf(imageOf({ status: 'deleted', data }), { live: false })
  held.add(ROOT)
  updater.loop.start()
  await clock.advance(0)
  t.strictSame(events, [unpin])
})

t.test('never pulls a deleted image', async (t) => {
  const { updater, events, clock } = updaterOf(imageOf({ status: 'deleted', data }), { live: false })
  updater.loop.start()
  await clock.advance(0)
  t.notOk(events.includes('pull'))
})

t.test('has nothing to do for an image without data, or one that is not settled', async (t) => {
  for (const record of [imageOf(), null]) {
    const { updater, events, clock } = updaterOf(record)
    updater.enqueue(ID)
    updater.loop.start()
    await clock.advance(0)
    t.strictSame(events, [])
    t.equal(updater.loop.describe().queue?.depth, 0)
  }
})

t.test('stands still until this node has caught up', async (t) => {
  const { updater, state, events, clock } = updaterOf(activeImage())
  state.caughtUp = false
  updater.loop.start()
  await clock.advance(5000)
  t.strictSame(events, [])
  state.caughtUp = true
  await clock.advance(500)
  t.strictSame(events, ['pull', unpin])
})

t.test('a failed pull stays queued and is tried again', async (t) => {
  const { updater, state, events, clock } = updaterOf(activeImage())
  state.pull = () => Promise.reject(new Error('no holder'))
  updater.loop.start()
  await clock.advance(100)
  t.match(updater.loop.describe(), { queue: { depth: 1, oldestAgeMs: 100 }, state: 'idle' })
  state.pull = () => Promise.resolve()
  await clock.advance(500)
  t.strictSame(events, ['pull', 'pull', unpin])
  t.equal(updater.loop.describe().queue?.depth, 0)
})

t.test('damage that is found during a pull is no warning for each chunk of it', async (t) => {
  const { updater, state, events, clock, warnings } = updaterOf(activeImage())
  state.pull = () => {
    updater.enqueue(ID)
    state.pull = () => Promise.reject(new Error('no holder'))
    return Promise.reject(new ClusterError('CHUNK_DAMAGED', 'a chunk was found damaged'))
  }
  updater.loop.start()
  await clock.advance(0)
  t.strictSame(events, ['pull', 'pull'], 'the image comes again at once')
  t.strictSame(warnings, [{ image: ID, error: 'Error: no holder' }])
})

t.test('a changed record is looked at without waiting for the sweep', async (t) => {
  const { updater, state, events, clock } = updaterOf(imageOf())
  updater.loop.start()
  await clock.advance(10)
  state.known = { live: true, record: activeImage() }
  updater.enqueue(ID)
  await clock.advance(0)
  t.strictSame(events, ['pull', unpin])
})

t.test('a sweep finds what no trigger told', async (t) => {
  const { updater, state, events, clock } = updaterOf(imageOf())
  updater.loop.start()
  await clock.advance(10)
  state.known = { live: true, record: activeImage() }
  await clock.advance(59_000)
  t.strictSame(events, [])
  await clock.advance(1500)
  t.strictSame(events, ['pull', unpin])
})

t.test('a later sweep passes over what is held', async (t) => {
  const { updater, events, clock } = updaterOf(activeImage())
  updater.loop.start()
  await clock.advance(10)
  t.strictSame(events, ['pull', unpin])
  await clock.advance(61_000)
  t.strictSame(events, ['pull', unpin])
})

t.test('pulls what is staged as it pulls data', async (t) => {
  const staged = {
    ...data,
    sizeBytes: 5,
    virtualSize: null,
    md5: 'm',
    sha512: 's',
    problem: null,
    stagedAt: '',
  }
  const { updater, events, held, clock } = updaterOf(imageOf({ status: 'uploading', staged }))
  updater.loop.start()
  await clock.advance(0)
  t.strictSame(events, ['pull', unpin])
  t.ok(held.has(ROOT))
})
