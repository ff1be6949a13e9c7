/**
 * Publishes and hears hints. Hints are gathered for a moment and sent together; what is too much is dropped and
 * counted, for losing all of them may cost latency, never correctness.
 */
import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import type { NodeIdentity } from '../network/identity.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock, Log } from '../runtime.ts'
import {
  decodeHintBatch,
  encodeHintBatch,
  HINT_BATCH_BYTES_MAX,
  HINT_KEY_LENGTH_MAX,
} from './hint-messages.ts'
import { hintBytesAtMost, type Hint } from './hint-messages.ts'
import { hintsTopic } from './topics.ts'

export type { Hint } from './hint-messages.ts'

/** Called for every hint of another node. */
export type HintListener = (hint: Hint, from: NodeId) => void

export interface HintsComponents {
  identity: Pick<NodeIdentity, 'id' | 'startNonce'>
  clock: Clock
  log: Log
}

/** Since start. */
export interface HintCounts {
  published: number
  /** Queue full. */
  dropped: number
  heard: number
  /** Messages that were no batch of hints. */
  malformed: number
}

/** Gathering pause. One write touches a few keys; a burst of them shares one message. Also the rate limit: 20 a second. */
const BATCH_INTERVAL_MS = 50
/** Hints that wait: four full seconds of batches with long keys. Beyond that, catch-up is the better way. */
const QUEUE_MAX = 4096
/** Envelope of a batch: names, lengths, sender, serial. */
const ENVELOPE_BYTES = 256

export class Hints {
  readonly #identity: Pick<NodeIdentity, 'id' | 'startNonce'>
  readonly #clock: Clock
  readonly #log: Log
  readonly #queue = new Map<string, Hint>()
  readonly #listeners = new Set<HintListener>()
  readonly #counts: HintCounts = { published: 0, dropped: 0, heard: 0, malformed: 0 }
  #gossip: GossipSub | null = null
  #topic = ''
  #serial = 0
  #cancelFlush: (() => void) | null = null

  constructor({ identity, clock, log }: HintsComponents) {
    this.#identity = identity
    this.#clock = clock
    this.#log = log
  }

  get counts(): Readonly<HintCounts> {
    return this.#counts
  }

  /** Joins the topic of this cluster. */
  start(gossip: GossipSub, clusterId: string): void {
    this.#gossip = gossip
    this.#topic = hintsTopic(clusterId)
    gossip.addEventListener('message', this.#receive)
    gossip.subscribe(this.#topic)
  }

  stop(): void {
    this.#cancelFlush?.()
    this.#cancelFlush = null
    this.#queue.clear()
    this.#gossip?.removeEventListener('message', this.#receive)
    this.#gossip = null
  }

  /** Never throws and never waits. Before `start()`, and when nobody listens, the hint is lost. */
  publish(hint: Hint): void {
    const subject = subjectOf(hint)
    if (!this.#gossip || subject.length > HINT_KEY_LENGTH_MAX) return
    if (this.#queue.size >= QUEUE_MAX && !this.#queue.has(subject)) {
      this.#counts.dropped++
      return
    }
    // The newest hint about a subject says all that the older ones said.
    this.#queue.set(subject, hint)
    this.#cancelFlush ??= this.#clock.after(BATCH_INTERVAL_MS, () => this.#flush())
  }

  onHint(listener: HintListener): void {
    this.#listeners.add(listener)
  }

  #flush(): void {
    this.#cancelFlush = null
    const hints = this.#takeBatch()
    const serial = `${this.#identity.startNonce}.${++this.#serial}`
    const data = encodeHintBatch({ from: this.#identity.id, serial, hints })
    this.#counts.published += hints.length
    this.#gossip?.publish(this.#topic, data).catch((error: unknown) => {
      this.#log.debug({ err: error }, 'could not publish hints')
    })
    if (this.#queue.size > 0) this.#cancelFlush = this.#clock.after(BATCH_INTERVAL_MS, () => this.#flush())
  }

  #takeBatch(): Hint[] {
    const hints: Hint[] = []
    let bytes = ENVELOPE_BYTES
    for (const [subject, hint] of this.#queue) {
      bytes += hintBytesAtMost(hint)
      if (bytes > HINT_BATCH_BYTES_MAX) break
      hints.push(hint)
      this.#queue.delete(subject)
    }
    return hints
  }

  readonly #receive = ({ detail: message }: { detail: { topic: string; data: Uint8Array } }): void => {
    if (message.topic !== this.#topic) return
    const batch = decodeHintBatch(message.data)
    if (!batch) {
      this.#counts.malformed++
      return
    }
    this.#counts.heard += batch.hints.length
    for (const hint of batch.hints) this.#tell(hint, batch.from)
  }

  #tell(hint: Hint, from: NodeId): void {
    for (const listener of this.#listeners) {
      try {
        listener(hint, from)
      } catch (error) {
        this.#log.error({ err: error }, 'a hint listener failed')
      }
    }
  }
}

function subjectOf(hint: Hint): string {
  return hint.kind === 'changed' ? `changed ${hint.key}` : `holds ${hint.root}`
}
