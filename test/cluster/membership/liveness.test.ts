import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { Liveness } from '../../../cluster/membership/liveness.ts'
import type { PeerTable } from '../../../cluster/membership/peer-table.ts'
import type { Link } from '../../../cluster/network/link.ts'
import { type Clock, silentLog } from '../../../cluster/runtime.ts'
import {
  configOf,
  controlPlane,
  identities,
  linkedTo,
  member,
  NOWHERE,
  startIn,
} from '../../helpers/control-nodes.ts'
import { until } from '../../helpers/until.ts'

/** A clock that only moves when told, and may jump over its timers as a blocked event loop does. */
class FakeClock implements Clock {
  nowMs = 0
  readonly #timers = new Set<{ atMs: number; action: () => void }>()

  wallMs(): number {
    return this.nowMs
  }

  monotonicMs(): number {
    return this.nowMs
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, action }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Fires what is due, once each, at the time after the jump. */
  jump(deltaMs: number): void {
    this.nowMs += deltaMs
    for (const timer of [...this.#timers]) {
      if (timer.atMs <= this.nowMs && this.#timers.delete(timer)) timer.action()
    }
  }

  run(durationMs: number): void {
    for (let i = 0; i < durationMs; i += 50) this.jump(50)
  }
}

function scene() {
  const clock = new FakeClock()
  const events = new EventEmitter<{ linked: [string]; lost: [string] }>()
  const closed: string[] = []
  let link: Link | null = null
  const newLink = () => ({ open: true, close: (why: string) => void closed.push(why) }) as unknown as Link
  const peers = {
    memberIds: () => ['peer'],
    linkTo: () => link,
    on: events.on.bind(events) as unknown as PeerTable['on'],
  }
  let asked = 0
  const rpc = {
    handle() {},
    async request() {
      asked++
      return new Promise<unknown>(() => {})
    },
  }
  const liveness = new Liveness(
    { rpc, peers, clock, log: silentLog },
    { ownId: 'me', startNonce: '', describe: () => 1 },
  )
  const states: string[] = []
  for (const state of ['alive', 'suspect', 'dead'] as const) liveness.on(state, () => states.push(state))
  const setLink = (up: boolean) => {
    link = up ? newLink() : null
    events.emit(up ? 'linked' : 'lost', 'peer')
  }
  liveness.start()
  return { clock, liveness, states, closed, setLink, asked: () => asked }
}

t.test(
  'silence makes a suspect after two seconds and a dead peer after ten, and cuts its link',
  async (t) => {
    const { clock, liveness, states, closed, setLink, asked } = scene()
    t.notOk(liveness.isAlive('peer'))
    t.equal(liveness.view('peer').silentMs, null)
    setLink(true)
    t.ok(liveness.isAlive('peer'))
    clock.run(1_900)
    t.same(states, ['alive'])
    clock.run(400)
    t.same(states, ['alive', 'suspect'])
    t.equal(asked(), 1, 'never two questions at once')
    clock.run(7_400)
    t.same(closed, [])
    clock.run(700)
    t.same(states, ['alive', 'suspect', 'dead'])
    t.equal(closed.length, 1)
    setLink(false)
    setLink(true)
    t.ok(liveness.isAlive('peer'), 'a new link is a sign of life')
  },
)

t.test('a broken link makes a suspect at once', async (t) => {
  const { states, setLink } = scene()
  setLink(true)
  setLink(false)
  t.same(states, ['alive', 'suspect'])
})

t.test('nobody is judged for the time the own event loop stood still', async (t) => {
  const { clock, liveness, states, setLink } = scene()
  setLink(true)
  clock.run(500)
  clock.jump(60_000)
  t.same(states, ['alive'])
  t.ok(liveness.isAlive('peer'))
  clock.run(2_300)
  t.same(states, ['alive', 'suspect'], 'after that, silence counts again')
})

t.test('a member that never answered is suspect, then dead', async (t) => {
  const { clock, liveness } = scene()
  clock.run(500)
  t.equal(liveness.view('peer').state, 'suspect')
  clock.run(10_000)
  t.equal(liveness.view('peer').state, 'dead')
})

t.test(
  'over the network: heartbeats carry facts; a hung peer is suspected, cut, and met again',
  async (t) => {
    const [a, b] = identities(2)
    const config = configOf([member(a!.id, NOWHERE), member(b!.id, NOWHERE)])
    const livenessTimes = { heartbeatMs: 100, suspectAfterMs: 500, deadAfterMs: 1_000 }
    const watcher = controlPlane(a!, config, { livenessTimes })
    const peer = controlPlane(b!, config, { describe: () => ({ head: 42 }) })
    t.teardown(() => Promise.all([watcher.stop(), peer.stop()]))
    await Promise.all([startIn(watcher, config, a!.id), startIn(peer, config, b!.id)])
    await linkedTo(watcher, [b!.id])
    await until(() => watcher.liveness.view(b!.id).info !== null)
    t.same(watcher.liveness.view(b!.id).info, { head: 42 })

    const rpc = peer.rpc as unknown as { handle(protocol: string, handler: () => Promise<unknown>): void }
    const suspect = once(watcher.liveness, 'suspect')
    const dead = once(watcher.liveness, 'dead')
    const lost = once(watcher, 'lost')
    rpc.handle('heartbeat', () => new Promise(() => {}))
    t.same(await suspect, [b!.id])
    t.same(await dead, [b!.id])
    t.same(await lost, [b!.id])
    rpc.handle('heartbeat', async () => ({ startNonce: b!.startNonce, info: 'back' }))
    await until(() => watcher.liveness.view(b!.id).info === 'back')
    t.ok(watcher.liveness.isAlive(b!.id))
  },
)
