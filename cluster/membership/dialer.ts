/**
 * Keeps one link to every member, for ever. The side with the lower id dials; the other only when nothing came for a
 * while (the lower one may not know where we are now). One dial at a time per peer, with growing, jittered pauses.
 */
import { ClusterError } from '../errors.ts'
import type { Host } from '../network/host.ts'
import type { Link } from '../network/link.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock, Log, Random } from '../runtime.ts'
import type { Admission } from './admission.ts'
import type { PeerTable } from './peer-table.ts'

export interface DialerComponents {
  host: Host
  peers: PeerTable
  admission: Admission
  clock: Clock
  random: Random
  log: Log
}

export interface DialerInit {
  ownId: NodeId
  /** As the host's allow-list: links of nodes that lost their place are cut. */
  isAllowed(peer: NodeId): boolean
  isMember(peer: NodeId): boolean
  /** Tests shorten it. */
  fallbackDelayMs?: number
}

/** How soon the loop sees a changed config. */
const RECONCILE_INTERVAL_MS = 500
/** The higher id waits this long for the lower one's dial when a link is lost. */
const FALLBACK_DELAY_MS = 3_000
/** And this long when it has just started: the lower one may pause, as it does not know yet that somebody is back. */
const START_DELAY_MS = 300
/** First pause after a failed dial. */
const PAUSE_MS_MIN = 200
/** A returning node is met within this time, give or take the jitter. */
const PAUSE_MS_MAX = 3_000
/** A link that lasted less counts as a failed dial: else two nodes could dial and hang up in a tight circle. */
const STEADY_LINK_MS = 5_000
/** Time for a stranger to join, or to be told why not. */
const STRANGER_LINK_MS_MAX = 15_000
/** Counting on would overflow the exponent; the pause is at its cap long before. */
const FAILURES_MAX = 16

interface Attempt {
  failures: number
  /** Monotonic; no dial before it. */
  notBeforeMs: number
  /** Monotonic; when the present or last link came up. */
  linkedAtMs: number
}

export class Dialer {
  readonly #components: DialerComponents
  readonly #init: DialerInit
  readonly #attempts = new Map<NodeId, Attempt>()
  /** Monotonic; when a link to a stranger was first seen. */
  readonly #strangers = new WeakMap<Link, number>()
  readonly #dials = new Map<NodeId, Promise<void>>()
  readonly #abort = new AbortController()
  #cancelTimer: (() => void) | null = null

  constructor(components: DialerComponents, init: DialerInit) {
    this.#components = components
    this.#init = init
    components.peers.on('linked', (id) => this.#linked(id))
    components.peers.on('lost', (id) => this.#lost(id))
  }

  start(): void {
    this.#reconcile()
  }

  async stop(): Promise<void> {
    this.#abort.abort(new ClusterError('STOPPING', 'the dial loop is stopping'))
    this.#cancelTimer?.()
    await Promise.all(this.#dials.values())
  }

  /** The one decision: whom to dial now, and when to look again. */
  #reconcile(): void {
    this.#cancelTimer?.()
    if (this.#abort.signal.aborted) return
    this.#cutStrangers()
    let waitMs = RECONCILE_INTERVAL_MS
    for (const id of this.#components.peers.memberIds()) {
      if (this.#dials.has(id) || this.#components.peers.linkTo(id)) continue
      const dueInMs = this.#attempt(id).notBeforeMs - this.#nowMs()
      if (dueInMs <= 0) this.#startDial(id)
      else waitMs = Math.min(waitMs, dueInMs)
    }
    this.#cancelTimer = this.#components.clock.after(waitMs, () => this.#reconcile())
  }

  #cutStrangers(): void {
    const { host, peers } = this.#components
    for (const link of host.links) {
      if (!this.#mayStay(link)) link.close('the peer is no member of the cluster')
    }
    peers.forgetStrangers()
    const members = new Set(peers.memberIds())
    for (const id of this.#attempts.keys()) if (!members.has(id)) this.#attempts.delete(id)
  }

  /** A stranger that still has the link of a member was removed just now. */
  #mayStay(link: Link): boolean {
    if (this.#init.isMember(link.peer)) return true
    if (!this.#init.isAllowed(link.peer) || this.#components.peers.linkTo(link.peer) === link) return false
    const sinceMs = this.#strangers.get(link) ?? this.#nowMs()
    this.#strangers.set(link, sinceMs)
    return this.#nowMs() - sinceMs < STRANGER_LINK_MS_MAX
  }

  #startDial(id: NodeId): void {
    this.#components.peers.noteDial(id, true, null)
    const dial = this.#dial(id).then((error) => {
      this.#dials.delete(id)
      this.#components.peers.noteDial(id, false, error && error.message)
      if (error) this.#pause(id)
      this.#reconcile()
    })
    this.#dials.set(id, dial)
  }

  /** Tries each address until one leads to an admitted link; answers with the last error otherwise. */
  async #dial(id: NodeId): Promise<Error | null> {
    const { host, peers, admission, log } = this.#components
    let error: Error | null = new Error('no address is known')
    for (const address of peers.addresses(id)) {
      try {
        await admission.greet(await host.dial(id, address, this.#abort.signal))
        if (peers.linkTo(id)) return null
        error = new Error('the peer hung up after hello')
      } catch (cause) {
        error = cause as Error
        log.debug({ peer: id, address, err: error }, 'dial failed')
      }
    }
    return error
  }

  #linked(id: NodeId): void {
    this.#attempt(id).linkedAtMs = this.#nowMs()
  }

  #lost(id: NodeId): void {
    const attempt = this.#attempt(id)
    const wasSteady = this.#nowMs() - attempt.linkedAtMs >= STEADY_LINK_MS
    if (wasSteady) {
      attempt.failures = 0
      attempt.notBeforeMs = this.#nowMs()
    } else this.#pause(id)
    if (!this.#dialsFirst(id))
      attempt.notBeforeMs = this.#nowMs() + (this.#init.fallbackDelayMs ?? FALLBACK_DELAY_MS)
    this.#reconcile()
  }

  #pause(id: NodeId): void {
    const attempt = this.#attempt(id)
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** attempt.failures)
    attempt.failures = Math.min(attempt.failures + 1, FAILURES_MAX)
    attempt.notBeforeMs = this.#nowMs() + pauseMs * (0.5 + this.#components.random.float())
  }

  #attempt(id: NodeId): Attempt {
    let attempt = this.#attempts.get(id)
    if (!attempt) {
      const delayMs = this.#init.fallbackDelayMs ?? START_DELAY_MS
      const notBeforeMs = this.#nowMs() + (this.#dialsFirst(id) ? 0 : delayMs)
      this.#attempts.set(id, (attempt = { failures: 0, notBeforeMs, linkedAtMs: -Infinity }))
    }
    return attempt
  }

  #dialsFirst(id: NodeId): boolean {
    return this.#init.ownId < id
  }

  #nowMs(): number {
    return this.#components.clock.monotonicMs()
  }
}
