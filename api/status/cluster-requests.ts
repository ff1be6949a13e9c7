/** What operators send: checked here, so that a slip is a 400 that says how to write it. Throws INVALID. */
import { ImageError } from '../../node/errors.ts'
import type { InviteWishes, MemberChanges } from '../../node/status/cluster-admin.ts'
import type { MuteRequest } from '../../node/status/cluster-history.ts'
import { INSPECTED_MAX } from '../../node/status/copy-inspection.ts'
import type { ImageMapQuery } from '../../node/status/image-map.ts'
import { CACHE_ACTIONS, CACHE_PARTS, type CacheChange } from '../../node/status/cache-admin.ts'
import type { LoopChanges } from '../../node/status/loop-admin.ts'
import type { StoreMoveOrder } from '../../node/status/store-admin.ts'
import { isUuid } from '../v2/image-fields.ts'
import type { TasksQuery } from '../../node/status/work-admin.ts'
import { TASK_STATUSES } from '../../node/tasks/task-record.ts'
import { MUTE_REASON_LENGTH_MAX, MUTE_SECONDS_MAX } from '../../node/status/mutes.ts'

export interface VotersRequest {
  voters: string[]
  dryRun: boolean
}

const VOTERS_MAX = 7
/** Above any ratio of disks; keeps a slip of the finger from moving all data onto one node. */
const WEIGHT_MAX = 1000
const TEXT_LENGTH_MAX = 255
const EXPIRES_SECONDS_MIN = 60
/** A week. A longer door is no door. */
const EXPIRES_SECONDS_MAX = 7 * 24 * 3600
const EXPIRES_SECONDS_DEFAULT = 3600
/** `host:port`, `[v6]:port`. */
const ADDRESS = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?):\d{1,5}$/
const PORT_MAX = 65_535
/** 1 TiB a second: above any disk. */
const RATE_MAX = 1024 ** 4

const IMAGES_DEFAULT = 50
const EVENTS_DEFAULT = 200
export const EVENTS_MAX = 500
/** Lines of one page of images: some hundred KiB. */
export const PAGE_MAX = 1000
const CHECK_CODE = /^[A-Z][A-Z_]{1,63}$/

export function parseVotersRequest(body: unknown): VotersRequest {
  const { voters, dryRun = false, ...others } = objectOf(body)
  refuseOthers(others, 'voters and dryRun')
  const isList = Array.isArray(voters) && voters.length <= VOTERS_MAX && voters.every(isName)
  if (!isList) throw invalid('voters must be a list of 1, 3, 5 or 7 node ids.')
  if (typeof dryRun !== 'boolean') throw invalid('dryRun must be true or false.')
  return { voters, dryRun }
}

export function parseInviteRequest(body: unknown): InviteWishes {
  const fields = body === undefined ? {} : objectOf(body)
  const { expiresSeconds = EXPIRES_SECONDS_DEFAULT, byAddresses = false, ...others } = fields
  refuseOthers(others, 'expiresSeconds and byAddresses')
  if (typeof byAddresses !== 'boolean') throw invalid('byAddresses must be true or false.')
  const isValid =
    typeof expiresSeconds === 'number' &&
    Number.isInteger(expiresSeconds) &&
    expiresSeconds >= EXPIRES_SECONDS_MIN &&
    expiresSeconds <= EXPIRES_SECONDS_MAX
  if (!isValid)
    throw invalid(`expiresSeconds must be an integer from ${EXPIRES_SECONDS_MIN} to ${EXPIRES_SECONDS_MAX}.`)
  return { validMs: expiresSeconds * 1000, byAddresses }
}

export function parseMemberChanges(body: unknown): MemberChanges {
  const { address, zone, weight, ...others } = objectOf(body)
  refuseOthers(others, 'address, zone and weight')
  const changes: MemberChanges = {}
  if (address !== undefined) changes.address = parseAddress(address)
  if (zone !== undefined) changes.zone = parseZone(zone)
  if (weight !== undefined) changes.weight = parseWeight(weight)
  return changes
}

/** Answers whether what the plan objects shall not count. */
export function parseForceQuery(query: unknown): boolean {
  const { force = 'false', ...others } = query as Record<string, unknown>
  refuseOthers(others, 'force')
  if (force !== 'true' && force !== 'false') throw invalid('force must be true or false.')
  return force === 'true'
}

export function parseLoopChanges(body: unknown): LoopChanges {
  const { paused, rate, ...others } = objectOf(body)
  refuseOthers(others, 'paused and rate')
  const changes: LoopChanges = {}
  if (paused !== undefined) changes.paused = parsePaused(paused)
  if (rate !== undefined) changes.rate = parseRate(rate)
  return changes
}

export function parseCacheRequest(body: unknown): CacheChange & { node: string | null } {
  const { action, image = null, part = null, node = null, ...others } = objectOf(body)
  refuseOthers(others, 'action, image, part and node')
  const known = CACHE_ACTIONS.find((each) => each === action)
  if (!known) throw invalid(`action must be one of ${CACHE_ACTIONS.join(', ')}.`)
  if (image !== null && !isImageId(image)) throw invalid('image must be the id of an image.')
  const knownPart = CACHE_PARTS.find((each) => each === part) ?? null
  if (part !== null && !knownPart) throw invalid('part must be cache, queue, or null for both.')
  if (node !== null && !isName(node)) throw invalid('node must be the id of a node, or null for all.')
  return { action: known, imageId: image?.toLowerCase() ?? null, part: knownPart, node }
}

export function parseMuteRequest(body: unknown): MuteRequest {
  const { code, who = null, seconds, reason = '', ...others } = objectOf(body)
  refuseOthers(others, 'code, who, seconds and reason')
  if (typeof code !== 'string' || !CHECK_CODE.test(code)) throw invalid('code must be that of a check.')
  if (who !== null && !isName(who)) throw invalid('who must be what the check is about, or null.')
  const isSeconds =
    typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 1 && seconds <= MUTE_SECONDS_MAX
  if (seconds !== null && !isSeconds)
    throw invalid(`seconds must be an integer from 1 to ${MUTE_SECONDS_MAX}, or null to end the mute.`)
  if (typeof reason !== 'string' || reason.length > MUTE_REASON_LENGTH_MAX)
    throw invalid(`reason must be a text of up to ${MUTE_REASON_LENGTH_MAX} characters.`)
  return { code, who, seconds, reason }
}

export function parseImageMapQuery(query: unknown): ImageMapQuery {
  const { after, limit, show = 'all', search = '', ...others } = query as Record<string, unknown>
  refuseOthers(others, 'after, limit, show and search')
  if (after !== undefined && !isName(after)) throw invalid('after must be the id of an image.')
  if (show !== 'all' && show !== 'attention') throw invalid('show must be all or attention.')
  if (typeof search !== 'string' || search.length > TEXT_LENGTH_MAX)
    throw invalid(`search must be a text of up to ${TEXT_LENGTH_MAX} characters.`)
  return { after: after ?? null, limit: parseLimit(limit, IMAGES_DEFAULT, INSPECTED_MAX), show, search }
}

export function parseEventsQuery(query: unknown): number {
  const { limit, ...others } = query as Record<string, unknown>
  refuseOthers(others, 'limit')
  return parseLimit(limit, EVENTS_DEFAULT, EVENTS_MAX)
}

export function parsePage(query: unknown): { marker: string | null; limit: number } {
  const { marker, limit, ...others } = query as Record<string, unknown>
  refuseOthers(others, 'marker and limit')
  if (marker !== undefined && !isName(marker)) throw invalid('marker must be that of the page before.')
  return { marker: marker ?? null, limit: parseLimit(limit, PAGE_MAX, PAGE_MAX) }
}

export function parseTasksQuery(query: unknown): TasksQuery {
  const { status = null, ...page } = query as Record<string, unknown>
  const known = TASK_STATUSES.find((each) => each === status) ?? null
  if (status !== null && known === null) throw invalid(`status must be one of ${TASK_STATUSES.join(', ')}.`)
  return { status: known, ...parsePage(page) }
}

export function parseStoreMove(
  body: unknown,
): Pick<StoreMoveOrder, 'to' | 'keepSource' | 'bytesPerSecondMax'> {
  const { to, keepSource = false, bytesPerSecondMax = null, ...others } = objectOf(body)
  refuseOthers(others, 'to, keepSource and bytesPerSecondMax')
  if (!isName(to)) throw invalid('to must be the id of a store.')
  if (typeof keepSource !== 'boolean') throw invalid('keepSource must be true or false.')
  return { to, keepSource, bytesPerSecondMax: parseRate(bytesPerSecondMax, 'bytesPerSecondMax') }
}

function parseLimit(value: unknown, whenAbsent: number, max: number): number {
  if (value === undefined) return whenAbsent
  const limit = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : 0
  if (limit < 1 || limit > max) throw invalid(`limit must be an integer from 1 to ${max}.`)
  return limit
}

function parsePaused(value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw invalid('paused must be true or false.')
}

function parseRate(value: unknown, name = 'rate'): number | null {
  if (value === null || (typeof value === 'number' && value >= 1 && value <= RATE_MAX)) return value
  throw invalid(
    `${name} must be a number from 1 to ${RATE_MAX}, or null for what the node itself thinks right.`,
  )
}

function parseAddress(value: unknown): string {
  const isAddress = isName(value) && ADDRESS.test(value)
  if (!isAddress || Number(value.slice(value.lastIndexOf(':') + 1)) > PORT_MAX)
    throw invalid('address must be HOST:PORT of the control plane.')
  return value
}

function parseZone(value: unknown): string | null {
  if (value === null || isName(value)) return value
  throw invalid('zone must be a name, or null for the node itself.')
}

function parseWeight(value: unknown): number {
  if (typeof value === 'number' && value > 0 && value <= WEIGHT_MAX) return value
  throw invalid(`weight must be a number above 0 and up to ${WEIGHT_MAX}.`)
}

function objectOf(body: unknown): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return body as Record<string, unknown>
  throw invalid('A JSON object is expected.')
}

function refuseOthers(others: Record<string, unknown>, known: string): void {
  const [name] = Object.keys(others)
  if (name !== undefined) throw invalid(`There is no field ${name.slice(0, TEXT_LENGTH_MAX)}, only ${known}.`)
}

function isImageId(value: unknown): value is string {
  return typeof value === 'string' && isUuid(value)
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_LENGTH_MAX
}

function invalid(message: string): ImageError {
  return new ImageError('INVALID', message)
}
