/**
 * Encodes CBOR as cborg encodes it, byte for byte, for what is written with every vote: messages, stored rows, register values.
 * cborg makes tokens of all keys of a map and sorts them each time: that was a third of all garbage of a change. This knows
 * JSON-like values with byte strings in them; anything else goes to cborg itself.
 */
import { encode } from 'cborg'
import { ASCII_END, isAscii } from './ascii.ts'

/** Where values are put together before they are copied out; larger ones get a larger place for a while. */
const ROOM_BYTES = 64 * 1024
/** Head of an item: its kind, and a count of up to 64 bits. */
const HEAD_BYTES_MAX = 9
/** Texts up to this length are copied character by character: sooner done than a call into the runtime. */
const SHORT_TEXT_LENGTH_MAX = 64
/** Deeper values are cyclic, mostly; cborg finds out. */
const DEPTH_MAX = 100
/** Places for orders of names; a new one takes the place of the one before. A power of two. */
const KEPT_ORDERS = 256

const TWO_POW_32 = 2 ** 32

const UINT = 0 << 5
const NEGATIVE = 1 << 5
const BYTES = 2 << 5
const TEXT = 3 << 5
const ARRAY = 4 << 5
const MAP = 5 << 5
const FALSE = 0xf4
const TRUE = 0xf5
const NULL = 0xf6
const UNDEFINED = 0xf7

/** Thrown within this file alone: the value is for cborg. */
const UNUSUAL = new Error('not of the ordinary kind')

/** Names of maps that were met, each list in the order in which it is written. */
const keptOrders: (readonly string[] | undefined)[] = Array.from({ length: KEPT_ORDERS })

/** The bytes are a part of a larger buffer, as small buffers are. Throws as cborg's `encode`. */
export function encodeCbor(value: unknown): Uint8Array {
  try {
    return writer.encode(value)
  } catch (error) {
    if (error !== UNUSUAL) throw error
  }
  return encode(value)
}

class Writer {
  #room = Buffer.allocUnsafeSlow(ROOM_BYTES)
  #at = 0

  encode(value: unknown): Uint8Array {
    this.#at = 0
    this.#value(value, 0)
    const bytes = Buffer.from(this.#room.subarray(0, this.#at))
    if (this.#room.length > ROOM_BYTES) this.#room = Buffer.allocUnsafeSlow(ROOM_BYTES)
    return bytes
  }

  #value(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return this.#integer(value)
      case 'boolean':
        return this.#byte(value ? TRUE : FALSE)
      case 'undefined':
        return this.#byte(UNDEFINED)
      case 'object':
        return value === null ? this.#byte(NULL) : this.#object(value, depth + 1)
      case 'bigint':
      case 'function':
      case 'symbol':
        throw UNUSUAL
    }
  }

  #object(value: object, depth: number): void {
    if (depth > DEPTH_MAX) throw UNUSUAL
    if (Array.isArray(value)) return this.#array(value, depth)
    if (value instanceof Uint8Array) return this.#bytes(value)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) throw UNUSUAL
    this.#map(value as Record<string, unknown>, depth)
  }

  #array(items: readonly unknown[], depth: number): void {
    this.#head(ARRAY, items.length)
    for (let i = 0; i < items.length; i++) this.#value(items[i], depth)
  }

  #map(map: Readonly<Record<string, unknown>>, depth: number): void {
    const names = orderOf(map)
    this.#head(MAP, names.length)
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string
      this.#text(name)
      this.#value(map[name], depth)
    }
  }

  #bytes(bytes: Uint8Array): void {
    this.#head(BYTES, bytes.length)
    this.#reserve(bytes.length)
    this.#room.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #integer(value: number): void {
    if (!Number.isSafeInteger(value)) throw UNUSUAL
    if (value >= 0) this.#head(UINT, value)
    else this.#head(NEGATIVE, -1 - value)
  }

  #text(text: string): void {
    if (text.length <= SHORT_TEXT_LENGTH_MAX && this.#asciiText(text)) return
    const length = Buffer.byteLength(text)
    this.#head(TEXT, length)
    this.#reserve(length)
    this.#room.write(text, this.#at, length === text.length ? 'latin1' : 'utf8')
    this.#at += length
  }

  /** False when the text is another: then nothing that counts was written. */
  #asciiText(text: string): boolean {
    const before = this.#at
    this.#head(TEXT, text.length)
    this.#reserve(text.length)
    const room = this.#room
    const from = this.#at
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code >= ASCII_END) {
        this.#at = before
        return false
      }
      room[from + i] = code
    }
    this.#at = from + text.length
    return true
  }

  #head(kind: number, count: number): void {
    this.#reserve(HEAD_BYTES_MAX)
    const room = this.#room
    if (count < 24) {
      room[this.#at++] = kind | count
    } else if (count < 0x100) {
      room[this.#at++] = kind | 24
      room[this.#at++] = count
    } else if (count < 0x10000) {
      room[this.#at++] = kind | 25
      this.#at = room.writeUInt16BE(count, this.#at)
    } else if (count < TWO_POW_32) {
      room[this.#at++] = kind | 26
      this.#at = room.writeUInt32BE(count, this.#at)
    } else {
      room[this.#at++] = kind | 27
      this.#at = room.writeUInt32BE(Math.floor(count / TWO_POW_32), this.#at)
      this.#at = room.writeUInt32BE(count % TWO_POW_32, this.#at)
    }
  }

  #byte(byte: number): void {
    this.#reserve(1)
    this.#room[this.#at++] = byte
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#room.length) return
    const room = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#room.length))
    room.set(this.#room.subarray(0, this.#at))
    this.#room = room
  }
}

const writer = new Writer()

/** The names of `map`, shorter ones first, then by their bytes (RFC 7049, section 3.9), as cborg has them. */
function orderOf(map: Readonly<Record<string, unknown>>): readonly string[] {
  const names = Object.keys(map)
  const place = placeOf(names)
  const kept = keptOrders[place]
  if (kept?.length === names.length && hasAll(map, kept)) return kept
  if (!names.every(isAscii)) throw UNUSUAL
  return (keptOrders[place] = names.sort(byLengthAndText))
}

function placeOf(names: readonly string[]): number {
  const [first = ''] = names
  const last = names[names.length - 1] ?? ''
  return (names.length + 7 * first.length + 31 * last.length + (first.charCodeAt(0) | 0)) & (KEPT_ORDERS - 1)
}

function hasAll(map: object, names: readonly string[]): boolean {
  for (let i = 0; i < names.length; i++) if (!Object.hasOwn(map, names[i] as string)) return false
  return true
}

function byLengthAndText(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
