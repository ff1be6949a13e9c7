/**
 * A seeded world: virtual time, a hostile network, nodes that crash and come back. Everything that happens follows from
 * the seed, so a failing history can be run again.
 */
import { decode, encode } from 'cborg'
import { ClusterError, SeracError } from '../../cluster/errors.ts'
import type {
  ControlProtocol,
  NodeId,
  PeerRpc,
  RpcHandler,
  RpcOptions,
} from '../../cluster/network/rpc-port.ts'
import type { Clock, Random } from '../../cluster/runtime.ts'

/** mulberry32: small, fast and good enough to choose faults. */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  float(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  below(limit: number): number {
    return Math.floor(this.float() * limit)
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256))
  }
}

interface Timer {
  at: number
  order: number
  action: () => void
}

export interface Faults {
  /** Chance that a message vanishes. */
  loss: number
  /** One-way delay is uniform in [delayMsMin, delayMsMax]. */
  delayMsMin: number
  delayMsMax: number
  /** Chance that a message takes ten times as long. */
  slow: number
}

export class SimWorld {
  readonly random: SeededRandom
  readonly faults: Faults
  readonly #timers: Timer[] = []
  readonly #nodes = new Map<NodeId, SimHost>()
  readonly #cut = new Set<string>()
  #now = 0
  #order = 0

  constructor(seed: number, faults: Faults) {
    this.random = new SeededRandom(seed)
    this.faults = faults
  }

  get now(): number {
    return this.#now
  }

  /** Runs until virtual time `untilMs`, or until nothing is left to happen. */
  async run(untilMs: number): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const next = this.#earliest()
      if (!next || next.at > untilMs) break
      this.#timers.splice(this.#timers.indexOf(next), 1)
      this.#now = next.at
      next.action()
    }
    this.#now = untilMs
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { at: this.#now + delayMs, order: this.#order++, action }
    this.#timers.push(timer)
    return () => {
      const index = this.#timers.indexOf(timer)
      if (index >= 0) this.#timers.splice(index, 1)
    }
  }

  /** Starts a life of a node; the one before must have been killed. */
  boot(id: NodeId): SimHost {
    const host = new SimHost(this, id)
    this.#nodes.set(id, host)
    return host
  }

  host(id: NodeId): SimHost | undefined {
    return this.#nodes.get(id)
  }

  kill(id: NodeId): void {
    this.#nodes.get(id)?.die()
    this.#nodes.delete(id)
  }

  /** Messages from `a` to `b` vanish. */
  cut(a: NodeId, b: NodeId): void {
    this.#cut.add(`${a}>${b}`)
  }

  /** Mends every cut. */
  mend(): void {
    this.#cut.clear()
  }

  /** Ends all faults of the network. */
  heal(): void {
    this.mend()
    this.faults.loss = 0
    this.faults.slow = 0
  }

  isCut(a: NodeId, b: NodeId): boolean {
    return this.#cut.has(`${a}>${b}`)
  }

  /** Carries a message; it may be late or never arrive. */
  carry(from: NodeId, to: NodeId, deliver: () => void): void {
    const { loss, delayMsMin, delayMsMax, slow } = this.faults
    if (from !== to && (this.isCut(from, to) || this.random.float() < loss)) return
    const delay = delayMsMin + this.random.float() * (delayMsMax - delayMsMin)
    this.after(from === to ? 0 : delay * (this.random.float() < slow ? 10 : 1), deliver)
  }

  #earliest(): Timer | undefined {
    let best: Timer | undefined
    for (const timer of this.#timers)
      if (!best || timer.at < best.at || (timer.at === best.at && timer.order < best.order)) best = timer
    return best
  }
}

/** One life of one node: its clock, its control plane, its disk's syncs. All fall silent when it dies. */
export class SimHost implements PeerRpc {
  readonly id: NodeId
  readonly clock: Clock
  readonly #world: SimWorld
  readonly #handlers = new Map<ControlProtocol, RpcHandler>()
  #alive = true

  constructor(world: SimWorld, id: NodeId) {
    this.#world = world
    this.id = id
    this.clock = {
      wallMs: () => world.now,
      monotonicMs: () => world.now,
      after: (delayMs, action) => world.after(delayMs, () => this.#alive && action()),
    }
  }

  get alive(): boolean {
    return this.#alive
  }

  die(): void {
    this.#alive = false
  }

  /** A disk sync: takes a while, and is lost when the node dies first. */
  sync(): Promise<void> {
    return new Promise((resolve) => {
      this.clock.after(0.2 + this.#world.random.float() * 3, resolve)
    })
  }

  handle(protocol: ControlProtocol, handler: RpcHandler): void {
    this.#handlers.set(protocol, handler)
  }

  request(to: NodeId, protocol: ControlProtocol, request: unknown, options: RpcOptions): Promise<unknown> {
    const body = encode(request)
    return new Promise((resolve, reject) => {
      const cancel = this.clock.after(options.timeoutMs, () =>
        reject(new ClusterError('RPC_TIMEOUT', `node ${to} did not answer in time`)),
      )
      const settle = (action: () => void) => {
        if (!this.#alive) return
        cancel()
        action()
      }
      this.#world.carry(this.id, to, () => {
        const peer = this.#world.host(to)
        if (!peer) return settle(() => reject(new ClusterError('PEER_UNREACHABLE', `node ${to} is down`)))
        void peer.#serve(this.id, protocol, body).then((answer) => {
          if (!peer.#alive) return
          this.#world.carry(to, this.id, () => settle(() => finish(answer, resolve, reject)))
        })
      })
    })
  }

  async #serve(from: NodeId, protocol: ControlProtocol, body: Uint8Array): Promise<Uint8Array> {
    const handler = this.#handlers.get(protocol)
    try {
      if (!handler) throw new ClusterError('BAD_FRAME', 'no such protocol')
      return encode({ ok: (await handler(from, decode(body))) ?? null })
    } catch (error) {
      const code = error instanceof SeracError ? error.code : 'INTERNAL'
      const fields = error instanceof SeracError ? error.fields : {}
      return encode({ code, message: error instanceof Error ? error.message : String(error), fields })
    }
  }
}

function finish(answer: Uint8Array, resolve: (value: unknown) => void, reject: (error: Error) => void): void {
  const message = decode(answer) as {
    ok?: unknown
    code?: string
    message?: string
    fields?: Record<string, unknown>
  }
  if (message.code === undefined) resolve(message.ok)
  else reject(new SeracError(message.code, message.message ?? '', message.fields))
}
