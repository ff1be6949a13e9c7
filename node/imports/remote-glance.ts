/** An image in the image service of another region, read with the token of whoever imports it (glance-api.md §9.3). */
import { buffer } from 'node:stream/consumers'
import { ImageError } from '../errors.ts'
import type { OutboundAnswer, OutboundHttp } from '../outbound/outbound-http.ts'
import type { IncomingFormats } from './import-plugins.ts'

export interface RemoteImage {
  region: string
  /** `public`, `internal` or `admin`. */
  serviceInterface: string
  /** As the catalogue has it; null: it names none for that region. */
  endpoint: string | null
  /** UUID. */
  imageId: string
  /** Of the caller. For no log and no record. */
  token: string | null
}

/** What the other region says of it. */
export interface RemoteFacts {
  formats: IncomingFormats
  /** Those that it takes along. */
  properties: Record<string, string>
  sizeBytes: number
}

export interface RemoteGlanceOptions {
  /** Beginnings of names. */
  extraProperties: readonly string[]
  diskFormats: readonly string[]
  containerFormats: readonly string[]
  /** Largest image. */
  sizeBytesMax: number
}

/** Of the description of an image, bytes: records here have no more. */
const DESCRIPTION_BYTES_MAX = 1024 ** 2
const PROPERTY_NAME_LENGTH_MAX = 255

export class RemoteGlance {
  readonly #outbound: Pick<OutboundHttp, 'send'>
  readonly #options: RemoteGlanceOptions

  constructor(components: { outbound: Pick<OutboundHttp, 'send'> }, options: RemoteGlanceOptions) {
    this.#outbound = components.outbound
    this.#options = options
  }

  /** Throws ImageError, OutboundError, or the signal's reason. */
  async describe(remote: RemoteImage, signal: AbortSignal): Promise<RemoteFacts> {
    const answer = await this.#get(remote, '', DESCRIPTION_BYTES_MAX, signal)
    try {
      return this.#factsIn(await jsonOf(answer), remote)
    } finally {
      await answer.close()
    }
  }

  /** Throws as `describe`, and when it is not as large as was said. */
  async *read(remote: RemoteImage, sizeBytes: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const answer = await this.#get(remote, '/file', this.#options.sizeBytesMax, signal)
    let readBytes = 0
    try {
      for await (const piece of answer.body) {
        readBytes += piece.length
        yield piece
      }
    } finally {
      await answer.close()
    }
    if (readBytes !== sizeBytes)
      throw refused(remote, `has sent ${readBytes} bytes of image ${remote.imageId}, which has ${sizeBytes}`)
  }

  async #get(
    remote: RemoteImage,
    below: string,
    sizeBytesMax: number,
    signal: AbortSignal,
  ): Promise<OutboundAnswer> {
    const { endpoint, token, imageId, region } = remote
    if (endpoint === null)
      throw new ImageError('NOT_FOUND', `The catalogue has no image service in region ${region}.`)
    if (token === null)
      throw new ImageError('INVALID', 'An import from another region needs a token to ask there with.')
    const base = endpoint.replace(/\/+$/, '').replace(/\/v2(\.\d+)?$/, '')
    const url = `${base}/v2/images/${imageId}${below}`
    const headers = { 'x-auth-token': token }
    const answer = await this.#outbound.send({ url, method: 'GET', headers, sizeBytesMax, signal })
    if (answer.status === 200) return answer
    await answer.close()
    throw refused(remote, `answers with status ${answer.status} about image ${imageId}`)
  }

  #factsIn(description: Record<string, unknown>, remote: RemoteImage): RemoteFacts {
    const { status, size, disk_format: diskFormat, container_format: containerFormat } = description
    if (status !== 'active')
      throw new ImageError('CONFLICT', `Source image status should be active instead of ${String(status)}`)
    const { diskFormats, containerFormats } = this.#options
    if (!isOneOf(diskFormat, diskFormats) || !isOneOf(containerFormat, containerFormats))
      throw refused(remote, 'names formats of the image that are not accepted here')
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      throw refused(remote, `does not say how large image ${remote.imageId} is`)
    return {
      formats: { diskFormat, containerFormat },
      properties: this.#takenFrom(description),
      sizeBytes: size,
    }
  }

  #takenFrom(description: Record<string, unknown>): Record<string, string> {
    const { extraProperties } = this.#options
    const isTaken = ([name, value]: [string, unknown]) =>
      typeof value === 'string' &&
      name.length <= PROPERTY_NAME_LENGTH_MAX &&
      extraProperties.some((prefix) => name.startsWith(prefix)) &&
      !Object.hasOwn(OWN_FIELDS, name)
    return Object.fromEntries(Object.entries(description).filter(isTaken)) as Record<string, string>
  }
}

/** What is no property, whatever an operator names: every word of Glance's own for a field. */
const OWN_FIELDS: Readonly<Record<string, true>> = {
  id: true,
  name: true,
  status: true,
  visibility: true,
  protected: true,
  os_hidden: true,
  owner: true,
  container_format: true,
  disk_format: true,
  min_disk: true,
  min_ram: true,
  size: true,
  virtual_size: true,
  checksum: true,
  os_hash_algo: true,
  os_hash_value: true,
  created_at: true,
  updated_at: true,
  tags: true,
  self: true,
  file: true,
  schema: true,
  direct_url: true,
  locations: true,
  stores: true,
}

function isOneOf(value: unknown, allowed: readonly string[]): value is string {
  return typeof value === 'string' && allowed.includes(value)
}

async function jsonOf({ body }: OutboundAnswer): Promise<Record<string, unknown>> {
  const value = parsed((await buffer(body)).toString())
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new ImageError(
    'INVALID',
    'The image service of the other region answers with something else than an image.',
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function refused({ region }: RemoteImage, what: string): ImageError {
  return new ImageError('INVALID', `The image service of region ${region} ${what}.`)
}
