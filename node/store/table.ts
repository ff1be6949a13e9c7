/** A key space with typed keys and values: the only way stored rows are read and written. */
import { corruptValue, seal, unseal, unsealUnchecked } from './codec.ts'
import type { Database, WriteOp } from './database.ts'
import { keyIn, rangeOf, type KeyRange, type Keyspace } from './keyspaces.ts'

/** How the keys and values of one key space look on disk. */
export interface RowFormat<K, V> {
  readonly space: Keyspace
  /** The parts after the tag. */
  keyParts(key: K): readonly Uint8Array[]
  /** Inverse of `keyParts`; `bytes` is what follows the tag. */
  parseKey(bytes: Buffer): K
  encode(value: V): Uint8Array
  /** May throw anything: `Table` makes CORRUPT_VALUE of it. */
  decode(payload: Buffer): V
}

/** Of all rows so far. A key space whose layout changes gets an upgrade step by this number. */
const ROW_VERSION = 1

export interface Row<K, V> {
  key: K
  value: V
}

/** What a scan met: a row, or one that cannot be read (its stored key, for removal). */
export type Scanned<K, V> = (Row<K, V> & { damaged: false }) | { damaged: true; key: K; storedKey: Buffer }

/** A row and the bytes that it is stored as. */
export interface StoredRow<K, V> {
  storedKey: Buffer
  stored: Buffer
  key: K
  /** Null: it cannot be decoded. */
  value: V | null
}

export class Table<K, V> {
  readonly #database: Database
  readonly #format: RowFormat<K, V>

  constructor(database: Database, format: RowFormat<K, V>) {
    this.#database = database
    this.#format = format
  }

  /** Throws CORRUPT_VALUE. */
  get(key: K): V | null {
    const storedKey = this.storedKey(key)
    const stored = this.#database.get(storedKey)
    return stored === undefined ? null : this.#decode(storedKey, stored)
  }

  /** The row as it is stored, unchecked. */
  stored(key: K): Buffer | undefined {
    return this.#database.get(this.storedKey(key))
  }

  has(key: K): boolean {
    return this.#database.has(this.storedKey(key))
  }

  put(key: K, value: V): WriteOp & { type: 'put' } {
    const storedKey = this.storedKey(key)
    return { type: 'put', key: storedKey, value: seal(storedKey, ROW_VERSION, this.#format.encode(value)) }
  }

  del(key: K): WriteOp {
    return { type: 'del', key: this.storedKey(key) }
  }

  storedKey(key: K): Buffer {
    return keyIn(this.#format.space, ...this.#format.keyParts(key))
  }

  /** The rows whose keys begin with `parts`, in key order, damaged ones included. */
  scan(...parts: readonly Uint8Array[]): AsyncGenerator<Scanned<K, V>> {
    return this.#scanRange(rangeOf(this.#format.space, ...parts))
  }

  /** The rows strictly after `key`, in key order, damaged ones included. */
  scanAfter(key: K): AsyncGenerator<Scanned<K, V>> {
    const { lt } = rangeOf(this.#format.space)
    return this.#scanRange({ gte: Buffer.concat([this.storedKey(key), Uint8Array.of(0)]), lt })
  }

  /** All rows as `scan` tells them, many at a time. */
  pages(): AsyncGenerator<Scanned<K, V>[]> {
    return this.#pagesIn(rangeOf(this.#format.space))
  }

  async *#scanRange(range: KeyRange): AsyncGenerator<Scanned<K, V>> {
    for await (const page of this.#pagesIn(range)) yield* page
  }

  async *#pagesIn(range: KeyRange): AsyncGenerator<Scanned<K, V>[]> {
    for await (const page of this.#database.pages(range))
      yield page.map(([storedKey, stored]) => this.#scanned(storedKey, stored))
  }

  /**
   * Every row as it is stored, many at a time, for whoever checks them all together. `value` is decoded unchecked: null
   * when it cannot be.
   */
  async *storedPages(): AsyncGenerator<StoredRow<K, V>[]> {
    for await (const page of this.#database.pages(rangeOf(this.#format.space)))
      yield page.map(([storedKey, stored]) => ({
        storedKey,
        stored,
        key: this.#format.parseKey(storedKey.subarray(1)),
        value: this.#decodeUnchecked(stored),
      }))
  }

  /** The keys that begin with `parts`, in order. */
  async *keys(...parts: readonly Uint8Array[]): AsyncGenerator<K> {
    for await (const storedKey of this.#database.keys(rangeOf(this.#format.space, ...parts)))
      yield this.#format.parseKey(storedKey.subarray(1))
  }

  /** Up to `count` keys strictly after `key`, or from the first on (null), in order. */
  async keysAfter(key: K | null, count: number): Promise<K[]> {
    const range = rangeOf(this.#format.space)
    if (key !== null) range.gte = Buffer.concat([this.storedKey(key), Uint8Array.of(0)])
    const keys: K[] = []
    for await (const storedKey of this.#database.keys(range)) {
      keys.push(this.#format.parseKey(storedKey.subarray(1)))
      if (keys.length >= count) break
    }
    return keys
  }

  /** The first and the last key; null when there is none. */
  async ends(): Promise<{ first: K; last: K } | null> {
    const ends = await this.#database.ends(rangeOf(this.#format.space))
    const parse = (storedKey: Buffer) => this.#format.parseKey(storedKey.subarray(1))
    return ends && { first: parse(ends.first), last: parse(ends.last) }
  }

  async isEmpty(...parts: readonly Uint8Array[]): Promise<boolean> {
    for await (const _key of this.keys(...parts)) return false
    return true
  }

  #scanned(storedKey: Buffer, stored: Buffer): Scanned<K, V> {
    const key = this.#format.parseKey(storedKey.subarray(1))
    const value = this.#tryDecode(storedKey, stored)
    return value === undefined ? { damaged: true, key, storedKey } : { damaged: false, key, value }
  }

  #tryDecode(storedKey: Buffer, stored: Buffer): V | undefined {
    try {
      return this.#decode(storedKey, stored)
    } catch {
      return undefined
    }
  }

  #decodeUnchecked(stored: Buffer): V | null {
    const sealed = unsealUnchecked(stored)
    try {
      return sealed?.version === ROW_VERSION ? this.#format.decode(sealed.payload) : null
    } catch {
      return null
    }
  }

  #decode(storedKey: Buffer, stored: Buffer): V {
    const { version, payload } = unseal(storedKey, stored)
    if (version !== ROW_VERSION)
      throw corruptValue(storedKey, `its version ${version} is unknown to this release`)
    try {
      return this.#format.decode(payload)
    } catch (error) {
      throw corruptValue(storedKey, 'its payload cannot be decoded', error)
    }
  }
}
