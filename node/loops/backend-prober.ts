/**
 * Looks whether the back ends can be used from here: each is asked for one small object, the marker, which the first node
 * that finds none writes. It has an id of its own, so nodes that find different ones look at different places: a
 * directory that is not shared, a mount that is missing, another bucket.
 */
import type { Clock, Log, Random } from '../../cluster/runtime.ts'
import { hasCode } from '../../cluster/errors.ts'
import { BackendError } from '../backends/backend.ts'
import type { Backends, StoredObject } from '../backends/backends.ts'
import { Loop } from './loop.ts'

export interface BackendProberComponents {
  clock: Clock
  random: Random
  log: Log
  backends: Pick<Backends, 'objectFor' | 'open' | 'put'>
  /** Ids of the stores that are back ends. */
  stores: readonly string[]
}

/** What this node knows of one back end. */
export interface BackendCondition {
  /** Id of its store. */
  store: string
  /** Why it cannot be used; null: it can be, or it was not looked at yet. Names no credentials. */
  failure: string | null
  /** Id of the marker there; null: not known. */
  marker: string | null
}

/** In each back end; no image is called so. */
export const MARKER_NAME = 'serac-marker'
const LOOK_EVERY_MS = 30_000
/** After a look that has found something wrong, or has written a marker, which others may have done as well. */
const AGAIN_MS = 5000
/** For one back end; all of them are looked at side by side. */
const PROBE_MS = 15_000
const MARKER = /^serac marker ([0-9a-f]{32})\n/
const MARKER_ID_BYTES = 16
/** More than there is: what is asked for beyond the end does not come. */
const MARKER_BYTES_MAX = 256

export class BackendProber {
  readonly loop: Loop
  readonly #components: BackendProberComponents
  readonly #found = new Map<string, BackendCondition>()

  constructor(components: BackendProberComponents) {
    this.#components = components
    for (const store of components.stores) this.#found.set(store, { store, failure: null, marker: null })
    const options = { name: 'backend-prober', everyMs: LOOK_EVERY_MS, retryMs: AGAIN_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal))
  }

  get conditions(): BackendCondition[] {
    return [...this.#found.values()]
  }

  async #runOnce(signal: AbortSignal): Promise<void | { restMs: number }> {
    const looks = this.#components.stores.map((store) => this.#look(store, signal))
    const isWell = (await Promise.all(looks)).every(
      ({ failure, marker }) => failure === null && marker !== null,
    )
    signal.throwIfAborted()
    if (!isWell) return { restMs: AGAIN_MS }
  }

  async #look(store: string, signal: AbortSignal): Promise<BackendCondition> {
    const { log } = this.#components
    const before = this.#found.get(store)
    const failure = (error: unknown) => {
      const why =
        error instanceof BackendError ? error.message : `The store ${store} does not answer in time.`
      if (before?.failure == null) log.warn({ store, error: String(error) }, 'a store cannot be used')
      return { store, failure: why, marker: null }
    }
    const probe = AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)])
    const found = await this.#probe(store, probe).catch(failure)
    // A node that stops has found nothing.
    if (signal.aborted) return found
    if (found.failure === null && before?.failure != null) log.info({ store }, 'a store can be used again')
    this.#found.set(store, found)
    return found
  }

  async #probe(store: string, signal: AbortSignal): Promise<BackendCondition> {
    const { backends, random, log } = this.#components
    const object = backends.objectFor(store, MARKER_NAME)
    // Whoever may not list an S3 bucket is refused what is not there.
    const refused = (error: unknown) => {
      if (hasCode(error, 'BACKEND_REFUSED')) return null
      throw error
    }
    const marker = await this.#read(object, signal).catch(refused)
    if (marker !== null) return { store, failure: null, marker }
    const id = Buffer.from(random.bytes(MARKER_ID_BYTES)).toString('hex')
    const text = `serac marker ${id}\nBy this its nodes see that they all look at the same place.\n`
    const body = Buffer.from(text)
    try {
      await backends.put(object, piecesOf(body), { sizeBytes: body.length, signal })
    } catch (error) {
      // Another node may have been at the same, and in the way.
      const theirs = await this.#read(object, signal).catch(() => null)
      if (theirs === null) throw error
      return { store, failure: null, marker: theirs }
    }
    log.info({ store, marker: id }, 'a store had no marker, and has one now')
    await this.#read(object, signal)
    // Others may have done the same: the next look tells whose it is.
    return { store, failure: null, marker: null }
  }

  /** null: there is none, or what is there is none. */
  async #read(object: StoredObject, signal: AbortSignal): Promise<string | null> {
    const pieces: Uint8Array[] = []
    const range = { start: 0, end: MARKER_BYTES_MAX - 1 }
    try {
      for await (const piece of this.#components.backends.open(object, range, signal))
        pieces.push(Buffer.from(piece))
    } catch (error) {
      if (hasCode(error, 'BACKEND_NOT_FOUND')) return null
      throw error
    }
    return MARKER.exec(Buffer.concat(pieces).toString())?.[1] ?? null
  }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
