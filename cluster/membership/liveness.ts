/**
 * Who is alive, by this node's own heartbeat: alive while it answers, suspect after two seconds without an answer or as
 * soon as its link breaks, dead after ten. libp2p alone needs 6-13 s to see a hung peer. A verdict only proposes (who
 * coordinates, whom to ask first); nothing is decided by it.
 *
 * A node whose own event loop was late has heard nobody for that time and must not blame them: that time is not counted.
 */
import { EventEmitter } from 'node:events'
import type { Rpc } from '../network/rpc.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { LATE_TIMER_MS, type Clock, type Log } from '../runtime.ts'
import type { LivenessView } from './cluster-config.ts'
import { HEARTBEAT_TIMEOUT_MS, type Heartbeat, parseHeartbeat } from './heartbeat.ts'
import type { PeerTable } from './peer-table.ts'

export type LifeState = 'alive' | 'suspect' | 'dead'

export interface LifeView {
  state: LifeState
  /** Wall time of the last change of state, ms. */
  sinceMs: number
  /** Age of the last sign of life, ms; null when there was none since start. */
  silentMs: number | null
  /** The `info` of its last heartbeat. */
  info: unknown
}

export interface LivenessComponents {
  rpc: Pick<Rpc, 'handle' | 'request'>
  peers: Pick<PeerTable, 'memberIds' | 'linkTo' | 'on'>
  clock: Clock
  log: Log
}

export interface LivenessInit {
  ownId: NodeId
  startNonce: string
  /** What the answers of this node carry; small, and cheap to make. */
  describe(): unknown
  /** Tests shorten these; the defaults are the rule. */
  times?: Partial<LivenessTimes>
}

export interface LivenessTimes {
  heartbeatMs: number
  suspectAfterMs: number
  /** Its link is then cut, so that the dial loop starts afresh. */
  deadAfterMs: number
}

const DEFAULT_TIMES: LivenessTimes = { heartbeatMs: 1_000, suspectAfterMs: 2_000, deadAfterMs: 10_000 }
/** Judging pause: the accuracy of the times above. */
const TICK_MS = 250

interface Life {
  state: LifeState
  sinceMs: number
  /** Monotonic. Before the first sign of life: when watching began. */
  heardMs: number
  everHeard: boolean
  askedMs: number
  asking: boolean
  info: unknown
}

export class Liveness extends EventEmitter<Record<LifeState, [NodeId]>> implements LivenessView {
  readonly #components: LivenessComponents
  readonly #init: LivenessInit
  readonly #times: LivenessTimes
  readonly #lives = new Map<NodeId, Life>()
  #lastTickMs = 0
  #cancelTick: (() => void) | null = null
  #abort = new AbortController()

  constructor(components: LivenessComponents, init: LivenessInit) {
    super()
    this.#components = components
    this.#init = init
    this.#times = { ...DEFAULT_TIMES, ...init.times }
    components.rpc.handle('heartbeat', () => Promise.resolve(this.#ownHeartbeat()))
    components.peers.on('linked', (id) => this.#heard(id))
    components.peers.on('lost', (id) => this.#judge(id))
  }

  start(): void {
    this.#abort = new AbortController()
    this.#lastTickMs = this.#components.clock.monotonicMs()
    this.#scheduleTick()
  }

  stop(): void {
    this.#cancelTick?.()
    this.#cancelTick = null
    this.#abort.abort()
    this.#lives.clear()
  }

  isAlive(id: NodeId): boolean {
    return id === this.#init.ownId || this.#lives.get(id)?.state === 'alive'
  }

  /** A member that was never heard of is suspect, then dead. */
  view(id: NodeId): LifeView {
    const life = this.#life(id)
    const silentMs = life.everHeard ? this.#components.clock.monotonicMs() - life.heardMs : null
    return { state: life.state, sinceMs: life.sinceMs, silentMs, info: life.info }
  }

  #ownHeartbeat(): Heartbeat {
    return { startNonce: this.#init.startNonce, info: this.#init.describe() }
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#components.clock.after(TICK_MS, () => this.#tick())
  }

  #tick(): void {
    const nowMs = this.#components.clock.monotonicMs()
    const lateMs = nowMs - this.#lastTickMs - TICK_MS
    this.#lastTickMs = nowMs
    if (lateMs > LATE_TIMER_MS) this.#forgiveSilence(lateMs, nowMs)
    const members = new Set(this.#components.peers.memberIds())
    for (const id of this.#lives.keys()) if (!members.has(id)) this.#lives.delete(id)
    for (const id of members) {
      this.#judge(id)
      if (nowMs - this.#life(id).askedMs >= this.#times.heartbeatMs) this.#ask(id, nowMs)
    }
    this.#scheduleTick()
  }

  #forgiveSilence(lateMs: number, nowMs: number): void {
    this.#components.log.warn(
      { lateMs: Math.round(lateMs) },
      'the event loop was late: silence is not counted',
    )
    for (const life of this.#lives.values()) life.heardMs = Math.min(nowMs, life.heardMs + lateMs)
  }

  #ask(id: NodeId, nowMs: number): void {
    const life = this.#life(id)
    const { peers, rpc } = this.#components
    if (life.asking || !peers.linkTo(id)) return
    life.asking = true
    life.askedMs = nowMs
    const options = { timeoutMs: HEARTBEAT_TIMEOUT_MS, signal: this.#abort.signal }
    rpc
      .request(id, 'heartbeat', null, options)
      .then((answer) => this.#answered(id, parseHeartbeat(answer)))
      // Silence is judged by the clock; why an answer is missing says nothing more.
      .catch(() => {})
      .finally(() => (life.asking = false))
  }

  #answered(id: NodeId, heartbeat: Heartbeat | null): void {
    if (!heartbeat || !this.#components.peers.linkTo(id)) return
    this.#life(id).info = heartbeat.info
    this.#heard(id)
  }

  #heard(id: NodeId): void {
    const life = this.#life(id)
    life.heardMs = this.#components.clock.monotonicMs()
    life.everHeard = true
    this.#judge(id)
  }

  #judge(id: NodeId): void {
    const life = this.#life(id)
    const link = this.#components.peers.linkTo(id)
    const silentMs = this.#components.clock.monotonicMs() - life.heardMs
    const state: LifeState =
      silentMs >= this.#times.deadAfterMs
        ? 'dead'
        : !link || !life.everHeard || silentMs >= this.#times.suspectAfterMs
          ? 'suspect'
          : 'alive'
    if (state === life.state) return
    life.state = state
    life.sinceMs = this.#components.clock.wallMs()
    this.#components.log.info(
      { peer: id, state, silentMs: Math.round(silentMs) },
      'peer changed its state of life',
    )
    if (state === 'dead') link?.close('the peer does not answer')
    this.emit(state, id)
  }

  #life(id: NodeId): Life {
    let life = this.#lives.get(id)
    if (!life) {
      const { clock } = this.#components
      life = {
        state: 'suspect',
        sinceMs: clock.wallMs(),
        heardMs: clock.monotonicMs(),
        everHeard: false,
        askedMs: -Infinity,
        asking: false,
        info: null,
      }
      this.#lives.set(id, life)
    }
    return life
  }
}
