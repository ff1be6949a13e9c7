/** The answering side of one stream: every request is handled on its own, answers leave in the order they are ready. */
import type { Stream } from '@libp2p/interface'
import type { Log } from '../runtime.ts'
import { FramedStream } from './framed-stream.ts'
import type { Link } from './link.ts'
import type { ProtocolLimits } from './protocols.ts'

/** Turns one raw request into its raw answer. Never rejects. */
export type Answerer = (link: Link, request: Uint8Array, busy: boolean) => Promise<Uint8Array>

export class AnswerStream {
  readonly #stream: FramedStream
  readonly #link: Link
  readonly #limits: ProtocolLimits
  readonly #answer: Answerer
  readonly #log: Log
  #inFlight = 0

  constructor(stream: Stream, link: Link, limits: ProtocolLimits, answer: Answerer, log: Log) {
    this.#link = link
    this.#limits = limits
    this.#answer = answer
    this.#log = log
    this.#stream = new FramedStream(stream, {
      onMessage: (id, message) => void this.#handle(id, message),
      onClose: () => {},
    })
  }

  async #handle(id: number, request: Uint8Array): Promise<void> {
    const busy = this.#inFlight >= this.#limits.inFlightMax
    this.#inFlight++
    try {
      const answer = await this.#answer(this.#link, request, busy)
      if (!this.#stream.closed) this.#stream.send(id, answer)
    } catch (error) {
      this.#log.warn(
        { peer: this.#link.peer, protocol: this.#limits.id, err: error },
        'could not send an answer',
      )
      this.#stream.reset(error as Error)
    } finally {
      this.#inFlight--
    }
  }
}
