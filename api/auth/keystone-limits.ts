/** The limits of projects as Keystone holds them (`use_keystone_limits`), by the rules of oslo.limit; remembered for a while. */
import type { Clock, Log } from '../../cluster/runtime.ts'
import { ImageError } from '../../node/errors.ts'
import {
  LIMIT_NAMES,
  type LimitName,
  type Limits,
  type ProjectLimits,
} from '../../node/images/project-limits.ts'
import { AnswerCache } from './answer-cache.ts'
import type { KeystoneSession } from './keystone-session.ts'
import { objectOf } from './token-facts.ts'

/** Whose limits they are: the image service's, by an endpoint of it. */
export type LimitsEndpoint =
  | { id: string }
  | { serviceName: string | null; serviceType: string | null; region: string | null; interface: string }

export interface KeystoneLimitsOptions {
  endpoint: LimitsEndpoint
  /** 0 = Keystone is asked each time. */
  cacheMs: number
}

type Row = Readonly<Record<string, unknown>>

/** What holds where a project has no limit of its own. */
interface Registered {
  /** The query by which the limits of this service and region are found. */
  query: string
  limits: Limits
}

/** A few hundred bytes each. */
const PROJECTS_MAX = 10_000
const ALL = 'all'

export class KeystoneLimits implements ProjectLimits {
  readonly #session: Pick<KeystoneSession, 'get'>
  readonly #log: Log
  readonly #options: KeystoneLimitsOptions
  readonly #registered: AnswerCache<Registered>
  readonly #projects: AnswerCache<Limits>

  constructor(
    parts: { clock: Clock; log: Log; session: Pick<KeystoneSession, 'get'> },
    options: KeystoneLimitsOptions,
  ) {
    const { clock } = parts
    this.#session = parts.session
    this.#log = parts.log
    this.#options = options
    this.#registered = new AnswerCache(clock, { keepMs: options.cacheMs, answersMax: 1 })
    this.#projects = new AnswerCache(clock, { keepMs: options.cacheMs, answersMax: PROJECTS_MAX })
  }

  of(projectId: string): Promise<Limits> {
    return this.#projects.find(projectId, () => this.#ofProject(projectId))
  }

  async #ofProject(projectId: string): Promise<Limits> {
    const { query, limits } = await this.#registered.find(ALL, () => this.#register())
    const rows = await this.#rows('limits', `${query}&project_id=${encodeURIComponent(projectId)}`)
    const own = rows.filter((row) => row['project_id'] === projectId)
    return { ...limits, ...limitsIn(own, 'resource_limit') }
  }

  /** As in oslo.limit, what is not registered is not to be had at all. */
  async #register(): Promise<Registered> {
    const { service_id: service, region_id: region } = await this.#endpoint()
    if (typeof service !== 'string')
      throw this.#confused('the endpoint of the image service belongs to no service')
    const query = `service_id=${encodeURIComponent(service)}${
      typeof region === 'string' ? `&region_id=${encodeURIComponent(region)}` : ''
    }`
    const limits = limitsIn(await this.#rows('registered_limits', query), 'default_limit')
    const missing = LIMIT_NAMES.filter((name) => limits[name] === undefined)
    if (missing.length > 0) this.#log.warn({ missing }, 'Keystone has no registered limit: none may be used')
    return { query, limits: { ...NOTHING, ...limits } }
  }

  async #endpoint(): Promise<Row> {
    const { endpoint } = this.#options
    if ('id' in endpoint)
      return objectOf(objectOf(await this.#get(`/endpoints/${encodeURIComponent(endpoint.id)}`))['endpoint'])
    const named = { name: endpoint.serviceName, type: endpoint.serviceType }
    const service = this.#only('service', await this.#rows('services', queryOf(named)))
    const wanted = {
      service_id: String(service['id']),
      region_id: endpoint.region,
      interface: endpoint.interface,
    }
    return this.#only('endpoint', await this.#rows('endpoints', queryOf(wanted)))
  }

  #only(what: string, rows: readonly Row[]): Row {
    const [row, ...others] = rows
    if (row && others.length === 0) return row
    throw this.#confused(`Keystone knows ${rows.length} ${what}s where [oslo_limit] must name one`)
  }

  async #rows(collection: string, query: string): Promise<Row[]> {
    const rows = objectOf(await this.#get(`/${collection}?${query}`))[collection]
    if (!Array.isArray(rows)) throw this.#confused(`Keystone's ${collection} cannot be read`)
    return rows.map(objectOf)
  }

  async #get(path: string): Promise<unknown> {
    const { status, body } = await this.#session.get(path, {})
    if (status === 200) return body
    const [resource] = path.slice(1).split(/[/?]/)
    throw this.#confused(
      status === 403
        ? `Keystone does not show ${resource} to the user of [oslo_limit]: give it the role reader on the system`
        : `Keystone answered ${status} about ${resource}`,
    )
  }

  /** Most likely the configuration is wrong; but until that is known, nobody gets what may be over a limit. */
  #confused(what: string): ImageError {
    this.#log.error({}, what)
    return new ImageError(
      'UNAVAILABLE',
      'The identity service (Keystone) does not tell the limits of the project. Please try again.',
    )
  }
}

const NOTHING: Limits = {
  image_size_total: 0,
  image_stage_total: 0,
  image_count_total: 0,
  image_count_uploading: 0,
}

function limitsIn(rows: readonly Row[], field: 'default_limit' | 'resource_limit'): Partial<Limits> {
  const limits = new Map<LimitName, number>()
  for (const { resource_name: resource, [field]: value } of rows) {
    const name = LIMIT_NAMES.find((known) => known === resource)
    // Limits of all regions come where the endpoint has none; as in oslo.limit, the first counts.
    if (name && typeof value === 'number' && !limits.has(name)) limits.set(name, value)
  }
  return Object.fromEntries(limits)
}

function queryOf(parameters: Record<string, string | null>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.set(name, value)
  return query.toString()
}
