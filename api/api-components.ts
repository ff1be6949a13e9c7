/** What the composition root hands to the façade. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Clock, Log, Random } from '../cluster/runtime.ts'
import type { CacheServicePort } from '../node/images/cache-service-port.ts'
import type { Caller } from '../node/images/image-requests.ts'
import type { ImageServicePort } from '../node/images/image-service-port.ts'
import type { V1ImagesPort } from '../node/images/v1-images-port.ts'
import type { MetadefServicePort } from '../node/metadefs/metadef-service-port.ts'
import type { ServedRequest } from '../node/status/metrics/node-metrics.ts'
import type { OldGlance } from '../node/images/old-glance.ts'
import type { StoreList } from '../node/images/store-list.ts'
import type { ImportServicePort } from '../node/imports/import-service-port.ts'
import type { TaskServicePort } from '../node/tasks/task-service-port.ts'
import type { CorsOptions } from './cors.ts'
import type { CertificatePair } from './server-certificate.ts'
import type { StreamLimit } from './stream-limit.ts'

/** Tells who sent a request. Throws UNAUTHENTICATED, or UNAVAILABLE when it cannot find out. */
export interface Authenticator {
  authenticate(headers: IncomingHttpHeaders, requestId: string): Promise<Caller>
  /** The services that whoever sent the request may use, as Keystone lists them. Throws UNAVAILABLE. */
  catalog(headers: IncomingHttpHeaders): Promise<unknown>
}

/** What callers may do, where it is not about one image: for those the image service asks. */
export interface AccessPolicy {
  /** The caller, administrator or not as the policy has it. */
  known(caller: Caller): Caller
  /** Throws FORBIDDEN. */
  require(rule: string, caller: Caller): void
}

/** Whether this node should get traffic, beyond Glance's /healthcheck. */
export interface Readiness {
  /** A majority is reachable and the store takes writes. */
  canWrite(): boolean
  /** The index is caught up and the store can be read. */
  canRead(): boolean
  /** Why not, for people; empty when both hold. */
  reasons(): string[]
}

/** Where images are looked for that the cluster does not know. */
export type OldGlancePort = Pick<OldGlance, 'isArriving' | 'show' | 'members' | 'open'>

/** Whether requests should come here at all. */
export interface Presence {
  /** While this file exists, they should not. */
  disableFile: string
  /** Why they should not for now, in capitals as Glance has it; null while they may. Must answer at once. */
  whyAway: () => string | null
}

export interface ApiComponents {
  images: ImageServicePort
  /** null: `enable_v1_api` is off. */
  v1: V1ImagesPort | null
  metadefs: MetadefServicePort
  tasks: TaskServicePort
  /** null: unknown images are looked for nowhere else. */
  oldGlance: OldGlancePort | null
  imports: ImportServicePort
  stores: StoreList
  cache: CacheServicePort
  authenticator: Authenticator
  policy: AccessPolicy
  readiness: Readiness
  whyAway: Presence['whyAway']
  /** Uploads and downloads of all versions of the API together. */
  streams: StreamLimit
  /** Told of each request when its answer has left. */
  meter: { noteRequest(request: ServedRequest): void }
  clock: Clock
  random: Random
  log: Log
}

export interface ApiOptions {
  /** Base of absolute links, e.g. `https://image.example`; null = what the request's Host says. */
  publicEndpoint: string | null
  /** Path below which the API also is, e.g. `/image`; '' for none. */
  pathPrefix: string
  /** Whether what proxies say (api/forwarded.ts) goes into links. */
  believeProxies: boolean
  cors: CorsOptions
  /** null = plain HTTP. */
  tls: CertificatePair | null
  /** How long a client may stand still in the middle of a body, ms: ours or its own. */
  clientPauseMs: number
  /** Page size of a list without `limit`. Glance's limit_param_default is 25. */
  limitDefault: number
  /** Larger limits are cut to it. Glance's api_limit_max is 1000. */
  limitMax: number
  /** Characters of the client's request id. Glance's max_request_id_length is 64. */
  maxRequestIdLength: number
  disableFile: Presence['disableFile']
  diskFormats: readonly string[]
  containerFormats: readonly string[]
  /** Whether projects have limits in Keystone. */
  tellsUsage: boolean
  /** Whether this node has an image cache. */
  hasCache: boolean
}
