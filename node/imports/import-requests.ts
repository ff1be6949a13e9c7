/** What callers hand to the imports; the façade parses into these shapes. */
import type { ImportMethod } from '../config/import-options.ts'
import type { RemoteImage } from './remote-glance.ts'

export type { ImportMethod }

export interface ImportRequest {
  /** As it was sent: whether it is offered is not for the façade to say. */
  method: string
  /** Of web-download. */
  uri: string | null
  /** Of glance-download. */
  remote: RemoteImage | null
  /** Ids, each once; null: none are named. */
  stores: readonly string[] | null
  allStores: boolean
  /** Of several stores; with one it changes nothing. */
  allMustSucceed: boolean
  /** What the body said beside the method, for the task. */
  body: Record<string, unknown>
}
