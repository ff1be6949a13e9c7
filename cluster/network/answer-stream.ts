/** The answering side of one stream: every request is handled on its own, answers leave in the order they are ready. */
import type { Stream } from '@libp2p/interface'
import { ClusterError } from '../errors.ts'
import { FramedStream } from './framed-stream.ts'
import type { ProtocolLimits } from './protocols.ts'

export interface Answerer {
  /** Turns one raw request into its raw answer. Never rejects. */
  answer(request: Uint8Array): Promise<Uint8Array>
  /** The raw answer that says this error. */
  refuse(error: ClusterError): Uint8Array
}

export class AnswerStream {
  readonly #stream: FramedStream
  readonly #limits: ProtocolLimits
  readonly #answerer: Answerer
  #inFlight = 0

  constructor(stream: Stream, limits: ProtocolLimits, answerer: Answerer) {
    this.#limits = limits
    this.#answerer = answerer
    this.#stream = new FramedStream(stream, {
      onMessage: (id, message) => void this.#handle(id, message),
      onClose: () => {},
    })
  }

  async #handle(id: number, request: Uint8Array): Promise<void> {
    if (this.#inFlight >= this.#limits.inFlightMax) {
      // An honest peer keeps to the quota, but what it gave up on still runs here.
      return this.#send(
        id,
        this.#answerer.refuse(new ClusterError('PEER_BUSY', 'too many requests are under way')),
      )
    }
    this.#inFlight++
    try {
      this.#send(id, await this.#answerer.answer(request))
    } finally {
      this.#inFlight--
    }
  }

  #send(id: number, answer: Uint8Array): void {
    if (this.#stream.closed) return
    try {
      this.#stream.send(id, answer)
    } catch (error) {
      // Too large, or too much of it waits already: the asker hears that instead.
      if (error instanceof ClusterError) this.#stream.send(id, this.#answerer.refuse(error))
      else this.#stream.reset(error as Error)
    }
  }
}
