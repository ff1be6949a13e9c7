/**
 * Frames and messages on a control-plane stream.
 *
 *     frame   = length (4 bytes, big endian, of the rest) | flags (1) | message id (4) | part
 *     message = the parts of the frames with one id, in order; flag 1 marks the last
 *
 * The direction says what a message is: the side that opened the stream asks, the other answers.
 */
import { ClusterError } from '../errors.ts'
import { FRAME_BYTES_MAX, MESSAGE_BYTES_MAX, PARTIAL_BYTES_MAX } from './protocols.ts'

const LENGTH_BYTES = 4
const HEADER_BYTES = 5
const FLAG_LAST = 1

/** Payload bytes that fit into one frame. */
export const PART_BYTES_MAX = FRAME_BYTES_MAX - HEADER_BYTES
/** Message ids are 32-bit and wrap around. */
export const MESSAGE_ID_MAX = 0xffff_ffff

export interface Frame {
  id: number
  /** No further part of this message follows. */
  last: boolean
  part: Uint8Array
}

export function encodeFrame(frame: Frame): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES + HEADER_BYTES + frame.part.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, HEADER_BYTES + frame.part.length)
  view.setUint8(LENGTH_BYTES, frame.last ? FLAG_LAST : 0)
  view.setUint32(LENGTH_BYTES + 1, frame.id)
  bytes.set(frame.part, LENGTH_BYTES + HEADER_BYTES)
  return bytes
}

/** Cuts a byte stream into frames; holds at most one unfinished frame. */
export class FrameDecoder {
  #chunks: Uint8Array[] = []
  #heldBytes = 0
  #bodyBytes: number | null = null

  /** The frames that `bytes` completes. Throws BAD_FRAME; the stream is then beyond repair. */
  push(bytes: Uint8Array): Frame[] {
    this.#chunks.push(bytes)
    this.#heldBytes += bytes.length
    const frames: Frame[] = []
    for (;;) {
      this.#bodyBytes ??= this.#readLength()
      if (this.#bodyBytes === null || this.#heldBytes < this.#bodyBytes) return frames
      frames.push(parseBody(this.#take(this.#bodyBytes)))
      this.#bodyBytes = null
    }
  }

  #readLength(): number | null {
    if (this.#heldBytes < LENGTH_BYTES) return null
    const length = viewOf(this.#take(LENGTH_BYTES)).getUint32(0)
    if (length < HEADER_BYTES || length > FRAME_BYTES_MAX) {
      throw new ClusterError('BAD_FRAME', 'a frame has an impossible length', { length })
    }
    return length
  }

  #take(count: number): Uint8Array {
    const [first] = this.#chunks
    const joined = first && first.length >= count ? first : plainBytes(Buffer.concat(this.#chunks))
    const rest = joined.subarray(count)
    if (joined === first) this.#chunks.shift()
    else this.#chunks = []
    if (rest.length > 0) this.#chunks.unshift(rest)
    this.#heldBytes -= count
    return joined.subarray(0, count)
  }
}

function parseBody(body: Uint8Array): Frame {
  const flags = body[0]
  if (flags !== 0 && flags !== FLAG_LAST)
    throw new ClusterError('BAD_FRAME', 'a frame has unknown flags', { flags })
  return { id: viewOf(body).getUint32(1), last: flags === FLAG_LAST, part: body.subarray(HEADER_BYTES) }
}

/** Puts the parts of interleaved messages together. */
export class MessageAssembler {
  readonly #partial = new Map<number, { parts: Uint8Array[]; sizeBytes: number }>()
  #heldBytes = 0

  /** The whole message, once `frame` is its last part. Throws BAD_FRAME when a cap is passed. */
  add(frame: Frame): Uint8Array | null {
    const held = this.#partial.get(frame.id) ?? { parts: [], sizeBytes: 0 }
    held.sizeBytes += frame.part.length
    this.#heldBytes += frame.part.length
    if (held.sizeBytes > MESSAGE_BYTES_MAX || this.#heldBytes > PARTIAL_BYTES_MAX) {
      throw new ClusterError('BAD_FRAME', 'a message is over the cap', { sizeBytes: held.sizeBytes })
    }
    held.parts.push(frame.part)
    if (!frame.last) {
      if (frame.part.length === 0) throw new ClusterError('BAD_FRAME', 'an empty part that is not the last')
      this.#partial.set(frame.id, held)
      return null
    }
    this.#partial.delete(frame.id)
    this.#heldBytes -= held.sizeBytes
    return held.parts.length === 1 ? frame.part : plainBytes(Buffer.concat(held.parts))
  }
}

/** A Buffer's bytes as what CBOR and structured values expect. */
export function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
