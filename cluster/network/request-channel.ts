/** The asking side of one protocol on one link: one long-lived stream, many requests under way on it. */
import { ClusterError } from '../errors.ts'
import type { Clock } from '../runtime.ts'
import { startDeadline, within, withSignal } from './deadline.ts'
import { FramedStream } from './framed-stream.ts'
import { MESSAGE_ID_MAX } from './framing.ts'
import type { Link } from './link.ts'
import type { ProtocolLimits } from './protocols.ts'
import { Quota } from './quota.ts'
import type { RpcOptions } from './rpc-port.ts'

interface Pending {
  resolve: (answer: Uint8Array) => void
  reject: (error: Error) => void
}

export class RequestChannel {
  readonly #link: Link
  readonly #limits: ProtocolLimits
  readonly #clock: Clock
  readonly #quota: Quota
  readonly #pending = new Map<number, Pending>()
  #stream: Promise<FramedStream> | null = null
  /** The stream, once it is open and until it breaks. */
  #ready: FramedStream | null = null
  #nextId = 0

  constructor(link: Link, clock: Clock, limits: ProtocolLimits) {
    this.#link = link
    this.#clock = clock
    this.#limits = limits
    this.#quota = new Quota(limits.inFlightMax, limits.queueMax)
  }

  /**
   * Sends `request` and resolves with the raw answer. Rejects with PEER_UNREACHABLE as soon as the stream or the link
   * breaks, with RPC_TIMEOUT, PEER_BUSY, MESSAGE_TOO_LARGE, or with the signal's reason.
   */
  async request(request: Uint8Array, options: RpcOptions): Promise<Uint8Array> {
    const stream = this.#ready
    if (!stream || !this.#quota.tryEnter()) return this.#requestLater(request, options)
    try {
      return await this.#exchange(stream, request, (answer) => within(this.#clock, answer, options))
    } finally {
      this.#quota.leave()
    }
  }

  /** Ends the stream; whatever is under way fails. */
  close(): void {
    const reason = new ClusterError('STOPPING', 'the control plane is stopping')
    this.#stream?.then(
      (stream) => stream.reset(reason),
      () => {},
    )
  }

  /** Waits for a place and for the stream, all within one deadline. */
  async #requestLater(request: Uint8Array, { timeoutMs, signal: outer }: RpcOptions): Promise<Uint8Array> {
    const deadline = startDeadline(this.#clock, timeoutMs, outer)
    const { signal } = deadline
    try {
      await this.#quota.enter(signal)
      try {
        const stream = this.#ready ?? (await withSignal(this.#openStream(), signal))
        return await this.#exchange(stream, request, (answer) => withSignal(answer, signal))
      } finally {
        this.#quota.leave()
      }
    } finally {
      deadline.clear()
    }
  }

  /** `inTime` rejects when the answer has taken too long. */
  async #exchange(
    stream: FramedStream,
    request: Uint8Array,
    inTime: (answer: Promise<Uint8Array>) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const id = this.#takeId()
    const answer = new Promise<Uint8Array>((resolve, reject) => this.#pending.set(id, { resolve, reject }))
    try {
      stream.send(id, request)
      return await inTime(answer)
    } finally {
      this.#pending.delete(id)
      if (!stream.closed) stream.withdraw(id)
    }
  }

  /** The stream of this channel: opened by the first request, and again after it broke. */
  #openStream(): Promise<FramedStream> {
    this.#stream ??= this.#open().catch((error: unknown) => {
      this.#stream = null
      throw error
    })
    return this.#stream
  }

  async #open(): Promise<FramedStream> {
    const stream = await this.#link.openStream(this.#limits.id)
    this.#ready = new FramedStream(stream, {
      // An answer that nobody waits for came after its deadline.
      onMessage: (id, message) => this.#pending.get(id)?.resolve(message),
      onClose: () => this.#broken(),
    })
    return this.#ready
  }

  #broken(): void {
    this.#stream = null
    this.#ready = null
    const error = new ClusterError('PEER_UNREACHABLE', 'the link to the peer broke', {
      peer: this.#link.peer,
    })
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }

  #takeId(): number {
    do this.#nextId = this.#nextId === MESSAGE_ID_MAX ? 1 : this.#nextId + 1
    while (this.#pending.has(this.#nextId))
    return this.#nextId
  }
}
