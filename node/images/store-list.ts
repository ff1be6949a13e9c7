/** The stores that callers know by their ids (glance-api.md §9.1): the cluster, its back ends, and what is only read. */
import type { BackendType } from '../config/backend-options.ts'
import type { Place } from '../data/outside-bytes.ts'
import type { ImageRecord } from './image-record.ts'
import { outsideUrls, storedObjects } from './location-rules.ts'

export interface StoreInfo {
  id: string
  type: 'cluster' | 'http' | BackendType
  isDefault: boolean
  isReadOnly: boolean
  /** What operators say of it; null: nothing. */
  description: string | null
  weight: number
  /** For administrators: no credentials. */
  properties: Readonly<Record<string, unknown>>
}

export type BackendInfo = Omit<StoreInfo, 'isDefault' | 'isReadOnly'>

export interface StoreListOptions {
  /** Of the store that the cluster is. */
  clusterId: string
  /** Whether bytes may lie behind http(s) URLs. */
  isHttpOn: boolean
  backends?: readonly BackendInfo[]
  /** Where images go when nobody names a store; absent: the cluster. */
  defaultId?: string
}

const HTTP_ID = 'http'

export class StoreList {
  readonly all: readonly StoreInfo[]
  readonly isHttpOn: boolean
  readonly clusterId: string
  readonly default: string
  /** Of back ends, the one that is read from first before the others. */
  readonly #byWeight: readonly string[]

  constructor({ clusterId, isHttpOn, backends = [], defaultId = clusterId }: StoreListOptions) {
    this.clusterId = clusterId
    this.isHttpOn = isHttpOn
    this.default = defaultId
    const plain = { description: null, weight: 0, properties: {} }
    const cluster = { ...plain, id: clusterId, type: 'cluster' as const, isReadOnly: false }
    const http = { ...plain, id: HTTP_ID, type: 'http' as const, isReadOnly: true }
    const writable = [cluster, ...backends.map((backend) => ({ ...backend, isReadOnly: false }))]
    const all = isHttpOn ? [...writable, http] : writable
    this.all = all.map((store) => ({ ...store, isDefault: store.id === defaultId }))
    this.#byWeight = backends.toSorted((a, b) => b.weight - a.weight).map(({ id }) => id)
  }

  /** Those that bytes may be sent to. */
  get writable(): string[] {
    return this.all.filter(({ isReadOnly }) => !isReadOnly).map(({ id }) => id)
  }

  has(id: string): boolean {
    return this.all.some((store) => store.id === id)
  }

  /** Where the bytes of an image are, in the order in which they are looked for. */
  of(image: ImageRecord): string[] {
    const objects = this.#inOrder(image, []).map(({ store }) => store)
    return [
      ...(image.data ? [this.clusterId] : []),
      ...new Set(objects),
      ...(outsideUrls(image).length > 0 ? [HTTP_ID] : []),
    ]
  }

  /** The store of a location. */
  ofUrl(image: ImageRecord, url: string): string {
    const store = storedObjects(image).find((object) => object.url === url)?.store
    return store ?? (outsideUrls(image).includes(url) ? HTTP_ID : this.clusterId)
  }

  /**
   * Where the bytes of an image may be had outside of the cluster's own disks, as far as that is enabled here: first from the
   * stores that are preferred, in their order, then by weight.
   */
  places(image: ImageRecord, preferred: readonly string[] = []): Place[] {
    const objects = this.#inOrder(image, preferred).filter(({ store }) => this.has(store))
    const urls = this.isHttpOn ? outsideUrls(image).map((url) => ({ url, store: null })) : []
    return preferred.includes(HTTP_ID) && !objects.some(({ store }) => preferred.includes(store))
      ? [...urls, ...objects]
      : [...objects, ...urls]
  }

  /** Whether a caller would rather have an image from elsewhere than from the cluster. */
  prefersElsewhere(image: ImageRecord, preferred: readonly string[]): boolean {
    const there = this.of(image)
    const first = preferred.find((id) => there.includes(id))
    return first !== undefined && first !== this.clusterId
  }

  #inOrder(image: ImageRecord, preferred: readonly string[]) {
    const rank = ({ store }: { store: string }) => {
      const wanted = preferred.indexOf(store)
      const weighed = this.#byWeight.indexOf(store)
      // What is not enabled here comes last.
      return wanted >= 0 ? wanted : preferred.length + (weighed < 0 ? this.#byWeight.length : weighed)
    }
    return storedObjects(image).toSorted((a, b) => rank(a) - rank(b))
  }
}
