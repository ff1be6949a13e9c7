/** Sends a run of image bytes to a client, at the client's pace, and never a short or wrong image as a whole one. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { ImageError } from '../../node/errors.ts'
import type { ByteLease, OpenImage } from '../../node/images/image-requests.ts'
import { LoopTurn } from '../loop-turn.ts'
import { ClientLeftError } from '../request-body.ts'
import type { ByteRange } from './byte-range.ts'

/** There is one event loop, and all streams share it. */
const turn = new LoopTurn(() => performance.now())

/** Where the bytes go. The socket is told apart because a pipelined response gets its own only in turn. */
export interface ByteSink {
  response: ServerResponse
  socket: Socket
}

/**
 * Opens `range` of `data` and waits for its first bytes, so that data which cannot be had is still an honest 503 and not
 * a cut connection. Then `send` once. Reading is aborted when the client leaves. Throws what `data.read` throws.
 */
export async function openByteStream(data: OpenImage, range: ByteRange, sink: ByteSink): Promise<ByteStream> {
  const stream = new ByteStream(data, range, sink)
  await stream.fetchFirst()
  return stream
}

export class ByteStream {
  readonly #sink: ByteSink
  readonly #source: AsyncIterator<ByteLease, unknown>
  readonly #clientLeft = new AbortController()
  #remainingBytes: number
  #next: IteratorResult<ByteLease, unknown> = { done: true, value: null }

  constructor(data: OpenImage, { start, end }: ByteRange, sink: ByteSink) {
    this.#sink = sink
    this.#remainingBytes = end - start + 1
    const leases = end < start ? noLeases() : data.read(start, end, this.#clientLeft.signal)
    this.#source = leases[Symbol.asyncIterator]()
  }

  async fetchFirst(): Promise<void> {
    const { socket } = this.#sink
    if (socket.destroyed) throw new ClientLeftError()
    socket.once('close', this.#onClose)
    try {
      this.#next = await this.#source.next()
    } catch (error) {
      socket.off('close', this.#onClose)
      throw error
    }
  }

  /**
   * To be called when status and headers of the response are set. Resolves when all bytes were handed to the socket; else cuts
   * the connection, so that the client notices, and rejects with the reason. A client that takes nothing for `stallMs` is
   * cut: its bytes hold memory that others wait for.
   */
  async send(stallMs: number): Promise<void> {
    const { response, socket } = this.#sink
    response.setTimeout(stallMs, () => response.destroy())
    try {
      for (; this.#next.done !== true; this.#next = await this.#source.next())
        await this.#sendLease(this.#next.value)
      if (this.#remainingBytes > 0) throw new ImageError('UNAVAILABLE', 'the data ended before the image')
      response.end()
    } catch (error) {
      response.destroy()
      await this.#source.return?.()
      throw error
    } finally {
      socket.off('close', this.#onClose)
    }
  }

  async #sendLease(lease: ByteLease): Promise<void> {
    try {
      this.#remainingBytes -= lease.bytes.length
      if (this.#remainingBytes < 0) throw new ImageError('UNAVAILABLE', 'the data goes on after the image')
      while (turn.isOver()) await turn.pause()
      await this.#write(lease.bytes)
    } finally {
      lease.release()
    }
  }

  /**
   * Resolves when the socket has taken `bytes`: before that their memory must not be reused. node forgets the callbacks
   * of a pipelined response whose turn never came, so a closed socket settles it too.
   */
  #write(bytes: Uint8Array): Promise<void> {
    const { signal } = this.#clientLeft
    return new Promise((resolve, reject) => {
      const onLeft = () => reject(new ClientLeftError())
      if (signal.aborted) return onLeft()
      signal.addEventListener('abort', onLeft, { once: true })
      this.#sink.response.write(bytes, (error) => {
        signal.removeEventListener('abort', onLeft)
        if (error) reject(new ClientLeftError())
        else resolve()
      })
    })
  }

  readonly #onClose = () => this.#clientLeft.abort(new ClientLeftError())
}

async function* noLeases(): AsyncGenerator<ByteLease> {}
