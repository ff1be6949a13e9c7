/** One image that is sent to stores, fetched from them and copied between them, by the nodes of a cluster. */
import { describe, jsonOf, sha512, type ImageClient, type Reply } from '../helpers/image-client.ts'
import { digestOf, Meter, partOf, patternImage } from '../helpers/pattern-image.ts'
import { eventually } from '../helpers/probe-cluster.ts'

export interface ShownInStores {
  status: string
  size: number
  stores?: string
  direct_url?: string
  locations?: { url: string; metadata: { store?: string } }[]
  os_glance_failed_import?: string
  os_glance_import_task?: string
}

const JSON_TYPE = { 'content-type': 'application/json' }
const SEED = 11

export class StoreImages {
  readonly sizeBytes: number
  readonly #shows: ImageClient

  /** `shows`: the node that is asked what an image is. */
  constructor(sizeBytes: number, shows: ImageClient) {
    this.sizeBytes = sizeBytes
    this.#shows = shows
  }

  bytes(): AsyncGenerator<Buffer> {
    return patternImage(this.sizeBytes, SEED)
  }

  async wholeDigest(): Promise<string> {
    return (await digestOf(this.bytes())).sha512
  }

  async partDigest(start: number, end: number): Promise<string> {
    return (await digestOf(partOf(this.bytes(), start, end))).sha512
  }

  /** All of it; `at(sentBytes)` is waited for once, before the piece that passes it. */
  async *bytesWith(atBytes: number, action: () => Promise<void>): AsyncGenerator<Buffer> {
    let sentBytes = 0
    for await (const piece of this.bytes()) {
      if (sentBytes < atBytes && sentBytes + piece.length >= atBytes) await action()
      sentBytes += piece.length
      yield piece
    }
  }

  send(client: ImageClient, id: string, store: string, bytes = this.bytes()): Promise<Reply> {
    return client.put(id, bytes, { 'x-image-meta-store': store })
  }

  /** Answers the id. */
  async uploaded(client: ImageClient, store: string): Promise<string> {
    const id = await client.newImage()
    const reply = await this.send(client, id, store)
    if (reply.status !== 204) throw new Error(`the upload to ${store} answered ${describe(reply)}`)
    return id
  }

  async shown(id: string): Promise<ShownInStores> {
    return jsonOf(await this.#shows.send('GET', `/v2/images/${id}`)) as ShownInStores
  }

  /** The status and the digest of all that comes. */
  async fetched(client: ImageClient, id: string, query = ''): Promise<string> {
    const answer = await client.open('GET', `/v2/images/${id}/file${query}`)
    const meter = new Meter()
    for await (const _ of meter.count(answer)) continue
    return `${answer.statusCode} ${meter.result().sha512}`
  }

  /** The digest of a part. */
  async fetchedPart(client: ImageClient, id: string, start: number, end: number): Promise<string> {
    const headers = { range: `bytes=${start}-${end}` }
    return sha512((await client.send('GET', `/v2/images/${id}/file`, { headers })).body)
  }

  /** Waits until the import is over. */
  async imported(id: string, method: string, stores: readonly string[]): Promise<ShownInStores> {
    const body = Buffer.from(JSON.stringify({ method: { name: method }, stores }))
    const reply = await this.#shows.send('POST', `/v2/images/${id}/import`, { headers: JSON_TYPE, body })
    if (reply.status !== 202) throw new Error(`the import answered ${describe(reply)}`)
    await eventually(`the import of ${id} is over`, async () => {
      const { os_glance_import_task: task } = await this.shown(id)
      return task === undefined || task === ''
    })
    return this.shown(id)
  }
}
