/**
 * Messages over one libp2p stream, both ways. Large messages are cut into frames and take turns, so a small one waits
 * for at most one frame of each; writing waits whenever the stream says it is full.
 *
 * What one turn of the event loop has to say goes out in one piece: every piece costs a multiplexer frame, a TLS record
 * and a system call on either side, several times as much as a vote.
 */
import type { Stream } from '@libp2p/interface'
import { ClusterError } from '../errors.ts'
import { encodeFrame, FrameDecoder, MessageAssembler, PART_BYTES_MAX, plainBytes } from './framing.ts'
import {
  MESSAGE_BYTES_MAX,
  OUTGOING_BYTES_MAX,
  OUTGOING_MESSAGES_MAX,
  STREAM_STALL_TIMEOUT_MS,
} from './protocols.ts'
import { spareWindowUpdates } from './spare-window-updates.ts'

export interface FramedStreamEvents {
  onMessage(id: number, message: Uint8Array): void
  /** Called once, however the stream ends. */
  onClose(): void
}

/** Frames of a piece together, bytes, unless one alone is larger: joining them copies. */
const PIECE_BYTES_MAX = 64 * 1024

interface Outgoing {
  id: number
  message: Uint8Array
  sentBytes: number
}

export class FramedStream {
  readonly #stream: Stream
  readonly #events: FramedStreamEvents
  readonly #decoder = new FrameDecoder()
  readonly #assembler = new MessageAssembler()
  readonly #outgoing: Outgoing[] = []
  #outgoingBytes = 0
  #writing = false
  #closed = false
  #wake = () => {}

  constructor(stream: Stream, events: FramedStreamEvents) {
    this.#stream = stream
    this.#events = events
    spareWindowUpdates(stream)
    stream.addEventListener('message', (event) => this.#receive(event.data.subarray()))
    stream.addEventListener('drain', () => this.#wake())
    stream.addEventListener('close', () => this.#ended(), { once: true })
    // Half a stream is of no use here: a peer that ends its half is done.
    stream.addEventListener('remoteCloseWrite', () =>
      this.reset(new ClusterError('PEER_UNREACHABLE', 'ended')),
    )
    if (stream.status !== 'open') queueMicrotask(() => this.#ended())
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Queues a message. Throws MESSAGE_TOO_LARGE, PEER_BUSY when the queue is full, PEER_UNREACHABLE when the stream has
   * ended.
   */
  send(id: number, message: Uint8Array): void {
    if (this.#closed) throw new ClusterError('PEER_UNREACHABLE', 'the stream to the peer has ended')
    const sizeBytes = message.length
    if (sizeBytes > MESSAGE_BYTES_MAX) {
      throw new ClusterError('MESSAGE_TOO_LARGE', 'the message is over the cap', {
        sizeBytes,
        MESSAGE_BYTES_MAX,
      })
    }
    const full = sizeBytes > PART_BYTES_MAX && this.#outgoingBytes + sizeBytes > OUTGOING_BYTES_MAX
    if (full) throw new ClusterError('PEER_BUSY', 'too many bytes wait to be sent to the peer', { sizeBytes })
    if (this.#outgoing.length >= OUTGOING_MESSAGES_MAX) {
      this.reset(new ClusterError('PEER_BUSY', 'too many messages wait to be sent to the peer'))
      return
    }
    this.#outgoing.push({ id, message, sentBytes: 0 })
    this.#outgoingBytes += sizeBytes
    if (!this.#writing) void this.#write()
  }

  /** Forgets a message of which nothing has been sent yet. */
  withdraw(id: number): void {
    const index = this.#outgoing.findIndex((entry) => entry.id === id && entry.sentBytes === 0)
    if (index < 0) return
    const [entry] = this.#outgoing.splice(index, 1)
    this.#outgoingBytes -= entry?.message.length ?? 0
  }

  /** Ends the stream at once, both ways. */
  reset(reason: Error): void {
    this.#stream.abort(reason)
    this.#ended()
  }

  async #write(): Promise<void> {
    this.#writing = true
    try {
      await endOfTurn()
      while (!this.#closed && this.#outgoing.length > 0) {
        const accepted = this.#stream.send(this.#nextPiece())
        if (!accepted) await this.#drained()
      }
    } catch (error) {
      this.reset(error as Error)
    } finally {
      this.#writing = false
    }
  }

  /** Waits for room in the stream. Its own onDrain() is of no use: from the second time on it resolves at once. */
  async #drained(): Promise<void> {
    const stall = () => this.reset(new ClusterError('RPC_TIMEOUT', 'the peer takes no bytes'))
    const timer = setTimeout(stall, STREAM_STALL_TIMEOUT_MS)
    try {
      while (this.#stream.writableNeedsDrain && !this.#closed) {
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      clearTimeout(timer)
    }
  }

  #nextPiece(): Uint8Array {
    const frames: Uint8Array[] = []
    let sizeBytes = 0
    for (let next = this.#outgoing[0]; next; next = this.#outgoing[0]) {
      const partBytes = Math.min(next.message.length - next.sentBytes, PART_BYTES_MAX)
      if (frames.length > 0 && sizeBytes + partBytes > PIECE_BYTES_MAX) break
      this.#outgoing.shift()
      frames.push(this.#nextFrame(next))
      sizeBytes += partBytes
    }
    const [first] = frames
    return first && frames.length === 1 ? first : plainBytes(Buffer.concat(frames))
  }

  #nextFrame(entry: Outgoing): Uint8Array {
    const part = entry.message.subarray(entry.sentBytes, entry.sentBytes + PART_BYTES_MAX)
    entry.sentBytes += part.length
    const last = entry.sentBytes === entry.message.length
    if (last) this.#outgoingBytes -= entry.message.length
    else this.#outgoing.push(entry)
    return encodeFrame({ id: entry.id, last, part })
  }

  #receive(bytes: Uint8Array): void {
    try {
      for (const frame of this.#decoder.push(bytes)) {
        const message = this.#assembler.add(frame)
        if (message && !this.#closed) this.#events.onMessage(frame.id, message)
      }
    } catch (error) {
      this.reset(error as Error)
    }
  }

  #ended(): void {
    if (this.#closed) return
    this.#closed = true
    this.#outgoing.length = 0
    this.#outgoingBytes = 0
    this.#wake()
    this.#events.onClose()
  }
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
