/**
 * The Glance that this cluster takes over from, while images are moved: an image whose id the cluster does not know is read
 * from there, with the caller's own token and so with the caller's own rights. Nothing is ever written there.
 *
 * What the cluster knows in whatever state is never asked for: an image that was deleted here, or that the caller may not see
 * here, does not come back by this way. Only one that is being moved is read there until its bytes are here.
 */
import { buffer } from 'node:stream/consumers'
import { type Clock, type Log } from '../../cluster/runtime.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import type { Backends } from '../backends/backends.ts'
import type { OpenImage } from '../data/open-image.ts'
import { isHashAlgorithm } from '../data/hash-algorithms.ts'
import type { HashPool } from '../data/hash-pool.ts'
import { OutsideBytes } from '../data/outside-bytes.ts'
import { ImageError } from '../errors.ts'
import { OutboundError, shownUrl, type OutboundHttp } from '../outbound/outbound-http.ts'
import type { ImageIndex } from './image-index.ts'
import type { ImageRegisters } from './image-registers.ts'
import { OldGlanceWatch, type OldGlanceCounts, type OldGlanceState } from './old-glance-watch.ts'

export interface OldGlanceComponents {
  /** Reaches that Glance and nothing else. */
  outbound: Pick<OutboundHttp, 'send'>
  registers: Pick<ImageRegisters, 'read'>
  index: Pick<ImageIndex, 'get'>
  backends: Pick<Backends, 'open'>
  hashes: Pick<HashPool, 'digest'>
  clock: Clock
  log: Log
}

export interface OldGlanceOptions {
  /** With or without a path before /v2, without a slash at its end. */
  url: string
  /** Largest image. */
  sizeBytesMax: number
  /** How often a failed read of bytes is tried again. */
  retries: number
}

/** An image there, as its API shows it. */
export interface OldImage {
  /** JSON, as that Glance has written it. */
  text: string
  status: string
  /** null: it has no bytes yet. */
  sizeBytes: number | null
  checksum: string | null
  multihash: { algorithm: string; hex: string } | null
}

/** A member there, as its API shows it. */
export type OldMember = Readonly<Record<string, unknown>> & { member_id: string }

export type OldImageBytes = OpenImage & { record: { id: string; checksum: string | null } }

/** Glance shows an image within tenths of a second. */
const SHOW_TIMEOUT_MS = 10_000
/** Questions at once; every wrong id is one while images are moved. */
const SHOWS_AT_ONCE = 32
/** A record with all properties that Glance's own limits allow. */
const SHOWN_BYTES_MAX = 4 * 1024 ** 2
/** What Glance says of an image that it does not have, or not for this caller. */
const ABSENT = [401, 403, 404]
const SERVER_ERROR = 500

export class OldGlance {
  readonly #components: OldGlanceComponents
  readonly #options: OldGlanceOptions
  readonly #shows = new Semaphore(SHOWS_AT_ONCE)
  readonly #watch: OldGlanceWatch

  constructor(components: OldGlanceComponents, options: OldGlanceOptions) {
    this.#components = components
    this.#options = options
    this.#watch = new OldGlanceWatch({ clock: components.clock, ask: () => this.#greet() })
  }

  /** From here on it is asked every now and then whether it is there. */
  start(): void {
    this.#watch.start()
  }

  stop(): void {
    this.#watch.stop()
  }

  get counts(): Readonly<OldGlanceCounts> {
    return this.#watch.counts
  }

  get state(): OldGlanceState {
    return this.#watch.stateOf(shownUrl(this.#options.url))
  }

  /** Whether its record is here already and its bytes are on their way, as far as this node knows. */
  isArriving(id: string): boolean {
    return this.#components.index.get(id)?.arriving !== undefined
  }

  /** Null: the cluster knows this id, or that Glance does not, or not for the bearer of `token`. Throws UNAVAILABLE. */
  async show(id: string, token: string | null): Promise<OldImage | null> {
    const { registers, log } = this.#components
    const known = await registers.read(id)
    if (known && !(known.live && known.record.arriving)) return null
    const image = await this.#text(id, token)
      .then((text) => (text === null ? null : imageOf(text, id)))
      .catch((error: unknown) => this.#fail(id, error))
    this.#watch.noteShow(image !== null)
    if (image) log.info({ image: id }, 'an image was read from the old Glance')
    return image
  }

  /**
   * With whom an image there is shared, as that Glance shows it; null: that is nothing for the bearer of `token`. Throws
   * UNAVAILABLE.
   */
  async members(id: string, token: string | null): Promise<OldMember[] | null> {
    return this.#text(`${id}/members`, token)
      .then((text) => (text === null ? null : membersIn(text)))
      .catch((error: unknown) => this.#fail(id, error))
  }

  /** Its bytes, verified where it is read whole. Only of an image that has some. */
  open(id: string, { sizeBytes, checksum, multihash }: OldImage, token: string | null): OldImageBytes {
    this.#watch.counts.opened++
    const { url, sizeBytesMax, retries } = this.#options
    const outbound = {
      send: (request: Parameters<OutboundHttp['send']>[0]) =>
        this.#components.outbound.send({ ...request, headers: bearing(token) }),
    }
    const known = multihash && isHashAlgorithm(multihash.algorithm) ? multihash.algorithm : null
    const bytes = new OutsideBytes({ ...this.#components, outbound }, { sizeBytesMax, retries }).open({
      imageId: id,
      places: [{ url: `${url}/v2/images/${id}/file`, store: null }],
      sizeBytes: sizeBytes ?? 0,
      multihash: known && multihash ? { algorithm: known, hex: multihash.hex } : null,
      md5: checksum,
    })
    return { ...bytes, record: { id, checksum } }
  }

  /** Whatever is no error of its own is an answer: the list of versions, or that this needs a token. */
  async #greet(): Promise<void> {
    const answer = await this.#components.outbound
      .send({
        url: `${this.#options.url}/versions`,
        method: 'GET',
        sizeBytesMax: SHOWN_BYTES_MAX,
        signal: AbortSignal.timeout(SHOW_TIMEOUT_MS),
      })
      .catch((error: unknown) => {
        throw new Error('it cannot be reached', { cause: error })
      })
    await answer.close()
    if (answer.status >= SERVER_ERROR) throw new Error(`it answers with status ${answer.status}`)
  }

  #fail(id: string, error: unknown): never {
    this.#watch.counts.failed++
    this.#components.log.warn({ image: id, error: String(error) }, 'the old Glance cannot be asked')
    throw unavailable(error)
  }

  /** What is written there below /v2/images; null: nothing, or not for this caller. */
  async #text(path: string, token: string | null): Promise<string | null> {
    const signal = AbortSignal.timeout(SHOW_TIMEOUT_MS)
    const endTurn = await this.#shows.acquire(signal)
    try {
      const answer = await this.#components.outbound.send({
        url: `${this.#options.url}/v2/images/${path}`,
        method: 'GET',
        headers: bearing(token),
        sizeBytesMax: SHOWN_BYTES_MAX,
        signal,
      })
      try {
        if (ABSENT.includes(answer.status)) return null
        if (answer.status !== 200) throw new Error(`it answers with status ${answer.status}`)
        return (await buffer(answer.body)).toString()
      } finally {
        await answer.close()
      }
    } finally {
      endTurn()
    }
  }
}

function bearing(token: string | null): Record<string, string> {
  return token === null ? {} : { 'x-auth-token': token }
}

/** Throws when it is no image, or another one. */
function imageOf(text: string, id: string): OldImage {
  const shown = JSON.parse(text) as Record<string, unknown> | null
  if (shown?.['id'] !== id || typeof shown['status'] !== 'string')
    throw new Error('it answers with something that is not this image')
  const { size, checksum, os_hash_algo: algorithm, os_hash_value: hex } = shown
  return {
    text,
    status: shown['status'],
    sizeBytes: typeof size === 'number' ? size : null,
    checksum: typeof checksum === 'string' ? checksum : null,
    multihash: typeof algorithm === 'string' && typeof hex === 'string' ? { algorithm, hex } : null,
  }
}

function membersIn(text: string): OldMember[] {
  const { members } = (JSON.parse(text) ?? {}) as { members?: unknown }
  if (Array.isArray(members) && members.every(isMember)) return members
  throw new Error('it answers with something that is no list of members')
}

function isMember(value: unknown): value is OldMember {
  return typeof (value as Partial<OldMember> | null)?.member_id === 'string'
}

function unavailable(cause: unknown): ImageError {
  const why = cause instanceof OutboundError ? 'it cannot be reached' : (cause as Error).message
  const message =
    `This cluster does not have this image, and the Glance that it takes over from cannot be asked for it now: ${why}. ` +
    'Please try again.'
  return new ImageError('UNAVAILABLE', message, {}, cause)
}
