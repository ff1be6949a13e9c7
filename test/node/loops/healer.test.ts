import t from 'tap'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import { Healer } from '../../../node/loops/healer.ts'
import type { DamageListener } from '../../../node/store/chunk-store.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

function healerOf(damaged: string[] = []) {
  const state = { damaged: new Set(damaged), caughtUp: true, repair: (): Promise<void> => Promise.resolve() }
  const events: string[] = []
  const listeners: DamageListener[] = []
  const clock = new ManualClock()
  const healer = new Healer({
    clock,
    random: { ...systemRandom, float: () => 0.5 },
    log: silentLog,
    chunks: {
      damaged: () => [...state.damaged],
      isDamaged: (hash) => state.damaged.has(hash),
      rootsWith: (hash) => Promise.resolve([hash, `root of ${hash[0]}`]),
      onDamaged: (listener) => void listeners.push(listener),
    },
    fetcher: {
      repair: async (hash, placed) => {
        events.push(`repair ${hash} from ${placed.join()}`)
        await state.repair()
        state.damaged.delete(hash)
      },
    },
    imagesWithRoot: (root) => Promise.resolve(root.startsWith('root') ? [`image ${root.at(-1)}`] : []),
    placed: (id) => [`holder of ${id}`],
    reconcile: (id) => void events.push(`reconcile ${id}`),
    caughtUp: () => state.caughtUp,
  })
  t.teardown(() => healer.loop.stop())
  const find = (hash: string) => {
    state.damaged.add(hash)
    for (const listener of listeners) listener(hash, [])
  }
  return { healer, state, events, clock, find }
}

t.test(
  'heals what was found before the start and what is found now, then has the images looked at',
  async (t) => {
    const { healer, events, clock, find } = healerOf(['a1', 'a2'])
    healer.loop.start()
    await clock.advance(0)
    const from = 'from holder of image'
    t.strictSame(events.splice(0), [`repair a1 ${from} a`, `repair a2 ${from} a`, 'reconcile image a'])
    find('b1')
    await clock.advance(0)
    t.strictSame(events, [`repair b1 ${from} b`, 'reconcile image b'])
    t.match(healer.loop.describe(), { name: 'healer', queue: { depth: 0 } })
  },
)

t.test('what a read has healed is not fetched again, but its image is looked at', async (t) => {
  const { healer, state, events, clock, find } = healerOf()
  healer.loop.start()
  find('a1')
  state.damaged.clear()
  await clock.advance(0)
  t.strictSame(events, ['reconcile image a'])
})

t.test('what nobody delivers is tried again later and holds up nothing else', async (t) => {
  const { healer, state, events, clock, find } = healerOf()
  state.repair = () => Promise.reject(new Error('no holder'))
  healer.loop.start()
  find('a1')
  await clock.advance(0)
  t.match(events.splice(0), ['repair a1 from holder of image a'])
  t.match(healer.loop.describe(), { state: 'idle', queue: { depth: 1 } })
  state.repair = () => Promise.resolve()
  find('b1')
  await clock.advance(0)
  t.match(events.splice(0), ['repair b1 from holder of image b', 'reconcile image b'])
  await clock.advance(1000)
  t.match(events, ['repair a1 from holder of image a', 'reconcile image a'])
})

t.test('until the node has caught up it waits', async (t) => {
  const { healer, state, events, clock } = healerOf(['a1'])
  state.caughtUp = false
  healer.loop.start()
  await clock.advance(5000)
  t.strictSame(events, [])
  state.caughtUp = true
  await clock.advance(1000)
  t.equal(events.length, 2)
})
