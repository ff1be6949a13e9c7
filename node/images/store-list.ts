/** The stores that callers know by their ids (glance-api.md §9.1): the cluster, and what is only read. */
import type { ImageRecord } from './image-record.ts'
import { outsideUrls } from './location-rules.ts'

export interface StoreInfo {
  id: string
  type: 'cluster' | 'http'
  isDefault: boolean
  isReadOnly: boolean
}

export interface StoreListOptions {
  /** Of the store that the cluster is. */
  clusterId: string
  /** Whether bytes may lie behind http(s) URLs. */
  isHttpOn: boolean
}

const HTTP_ID = 'http'

export class StoreList {
  readonly all: readonly StoreInfo[]
  readonly isHttpOn: boolean
  readonly #clusterId: string

  constructor({ clusterId, isHttpOn }: StoreListOptions) {
    this.#clusterId = clusterId
    this.isHttpOn = isHttpOn
    const cluster: StoreInfo = { id: clusterId, type: 'cluster', isDefault: true, isReadOnly: false }
    const http: StoreInfo = { id: HTTP_ID, type: 'http', isDefault: false, isReadOnly: true }
    this.all = isHttpOn ? [cluster, http] : [cluster]
  }

  /** Those that bytes may be sent to. */
  get writable(): string[] {
    return this.all.filter(({ isReadOnly }) => !isReadOnly).map(({ id }) => id)
  }

  get default(): string {
    return this.#clusterId
  }

  has(id: string): boolean {
    return this.all.some((store) => store.id === id)
  }

  /** Where the bytes of an image are, in the order in which they are looked for. */
  of(image: ImageRecord): string[] {
    return [...(image.data ? [this.#clusterId] : []), ...(outsideUrls(image).length > 0 ? [HTTP_ID] : [])]
  }

  /** The store of a location. */
  ofUrl(image: ImageRecord, url: string): string {
    return outsideUrls(image).includes(url) ? HTTP_ID : this.#clusterId
  }
}
