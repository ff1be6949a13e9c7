/** Bytes kept of an image that passes by: a bounded region of it, or its end. */
import assert from 'node:assert/strict'

/** What a format asks to see. A region lies behind everything that the format has seen before. */
export type Wanted = { at: number; length: number } | { last: number }

/** Largest capture of one format, bytes: room for the longest descriptor that is read. Whatever a header claims, no more. */
export const CAPTURE_BYTES_MAX = 64 * 1024

export interface Capture {
  /** Takes what it wants of a piece that begins at `position`; answers whether it has all now. Pieces come without gaps. */
  take(piece: Uint8Array, position: number): boolean
  /** What it has got; after the end of the image that may be less than was wanted. */
  readonly bytes: Buffer
  /** Where the bytes begin that have not been looked at yet. */
  readonly endAt: number
}

/** `seenTo`: what lies before was seen and is gone. */
export function captureOf(wanted: Wanted, seenTo: number): Capture {
  return 'last' in wanted
    ? new EndCapture(wanted.last, seenTo)
    : new RegionCapture(wanted.at, wanted.length, seenTo)
}

class RegionCapture implements Capture {
  readonly #at: number
  readonly #buffer: Buffer
  #filled = 0

  constructor(at: number, length: number, seenTo: number) {
    assert(length > 0 && length <= CAPTURE_BYTES_MAX && at >= seenTo)
    this.#at = at
    this.#buffer = Buffer.alloc(length)
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#filled)
  }

  get endAt(): number {
    return this.#at + this.#filled
  }

  take(piece: Uint8Array, position: number): boolean {
    const from = this.endAt - position
    if (from >= piece.length) return false
    const part = piece.subarray(from, from + this.#buffer.length - this.#filled)
    this.#buffer.set(part, this.#filled)
    this.#filled += part.length
    return this.#filled === this.#buffer.length
  }
}

/** Is never complete before the image ends; a piece costs no more than the length of the end. */
class EndCapture implements Capture {
  readonly #length: number
  readonly #seenTo: number
  #kept = Buffer.alloc(0)
  endAt = Infinity

  constructor(length: number, seenTo: number) {
    assert(length > 0 && length <= CAPTURE_BYTES_MAX)
    this.#length = length
    this.#seenTo = seenTo
  }

  get bytes(): Buffer {
    return this.#kept
  }

  take(piece: Uint8Array, position: number): boolean {
    const tail = piece.subarray(Math.max(0, this.#seenTo - position, piece.length - this.#length))
    const room = this.#length - tail.length
    this.#kept = Buffer.concat([this.#kept.subarray(Math.max(0, this.#kept.length - room)), tail])
    return false
  }
}
