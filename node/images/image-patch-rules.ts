/** What a PATCH does to a record (glance-api.md §6.2). Pure: it runs inside the register. */
import type { ImageErrorCode } from '../errors.ts'
import { copies as copiesForm } from '../config/copies.ts'
import { COPIES_PROPERTY, ownCopies } from './copies-policy.ts'
import type { ImageRecord } from './image-record.ts'
import { isImportProperty } from './import-properties.ts'
import type { ImageChange } from './image-requests.ts'
import { changeLocations, isLocationChange } from './location-rules.ts'
import type { PropertyAction } from './image-policy.ts'
import { reservedMessage, type ProtectedNames } from './property-rights.ts'
import type { CallerRights } from './visibility.ts'

export interface PatchQuotas {
  /** Custom properties per image; -1 = unlimited. */
  properties: number
  /** Tags per image; -1 = unlimited. */
  tags: number
  /** Locations per image; -1 = unlimited, absent: none. */
  locations?: number
}

/** A rule that refused; becomes the register's refusal. */
export interface PatchRefusal {
  code: ImageErrorCode
  message: string
}

type Result = ImageRecord | PatchRefusal

export function isRefusal(result: Result): result is PatchRefusal {
  return 'code' in result
}

/** All changes, in order, on a copy; or the first refusal. Quotas count after the last change. */
export function applyChanges(
  record: ImageRecord,
  changes: readonly ImageChange[],
  caller: CallerRights,
  quotas: PatchQuotas,
  protectedNames: ProtectedNames = {},
): Result {
  let next = record
  for (const change of changes) {
    const result = applyChange(next, change, caller, { quotas, protectedNames })
    if (isRefusal(result)) return result
    next = result
  }
  return checkQuotas(withCopies(record, next), quotas)
}

function applyChange(
  record: ImageRecord,
  change: ImageChange,
  caller: CallerRights,
  { quotas, protectedNames }: { quotas: PatchQuotas; protectedNames: ProtectedNames },
): Result {
  if (isLocationChange(change)) return changeLocations(record, change, quotas.locations ?? 0)
  return change.kind === 'set'
    ? setField(record, change, caller)
    : changeProperty(record, change, protectedNames)
}

/** Of an image with data, staged or not, the copies change with the property; without it they stay as they are. */
function withCopies(before: ImageRecord, next: ImageRecord): ImageRecord {
  const copies = ownCopies(next)
  if (copies === undefined || copies === ownCopies(before)) return next
  const data = next.data && { ...next.data, copies }
  return next.staged ? { ...next, data, staged: { ...next.staged, copies } } : { ...next, data }
}

/** What a record as a whole must keep to, whoever wrote it. */
export function checkQuotas(record: ImageRecord, quotas: PatchQuotas): Result {
  const propertyCount = Object.keys(record.properties).filter((name) => !isImportProperty(name)).length
  if (quotas.properties >= 0 && propertyCount > quotas.properties)
    return refuse(
      'TOO_LARGE',
      `The limit on the number of image properties is ${quotas.properties}, attempted ${propertyCount}.`,
    )
  if (quotas.tags >= 0 && record.tags.length > quotas.tags)
    return refuse(
      'TOO_LARGE',
      `The limit on the number of image tags is ${quotas.tags}, attempted ${record.tags.length}.`,
    )
  if (record.properties[COPIES_PROPERTY] !== undefined && ownCopies(record) === undefined)
    return refuse('INVALID', `Property ${COPIES_PROPERTY} must be ${copiesForm.description}.`)
  return record
}

/** Each tag once, in order: what is stored and shown. */
export function normalTags(tags: readonly string[]): string[] {
  return [...new Set(tags)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

function setField(record: ImageRecord, change: ImageChange & { kind: 'set' }, caller: CallerRights): Result {
  const { field, value } = change
  if (change.ifPresent === 'conflict') return refuse('CONFLICT', `Attribute ${field} is always present.`)
  const refusal = checkField(record, field, caller)
  if (refusal) return refusal
  if (field === 'tags') return { ...record, tags: normalTags(value as string[]) }
  if (field === 'owner') return { ...record, owner: (value as string | null) || null }
  return { ...record, [field]: value }
}

function checkField(
  record: ImageRecord,
  field: (ImageChange & { kind: 'set' })['field'],
  caller: CallerRights,
): PatchRefusal | null {
  if (field === 'owner' && !caller.isAdmin)
    return refuse('FORBIDDEN', 'Only an admin may change the owner of an image.')
  const isFormat = field === 'containerFormat' || field === 'diskFormat'
  // Bytes that are on their way are looked at by the format that the image had when they began to come.
  if (isFormat && (record.upload || (record.status !== 'queued' && record.status !== 'importing')))
    return refuse('FORBIDDEN', `Attribute ${formatName(field)} can be only replaced for a queued image.`)
  return null
}

function formatName(field: 'containerFormat' | 'diskFormat'): string {
  return field === 'diskFormat' ? 'disk_format' : 'container_format'
}

function changeProperty(
  record: ImageRecord,
  change: ImageChange & { kind: 'property' },
  protectedNames: ProtectedNames,
): Result {
  const { op, name } = change
  const may = (action: PropertyAction) =>
    !Object.hasOwn(protectedNames, name) || protectedNames[name]!.includes(action)
  const isThere = Object.hasOwn(record.properties, name)
  const isSeen = isThere && may('read')
  if (op === 'add' && isSeen && change.ifPresent === 'conflict')
    return refuse('CONFLICT', `Property ${name} already present.`)
  if (op !== 'add' && !isSeen) return refuse('CONFLICT', `Property ${name} does not exist.`)
  // Who may create what it cannot see does not thereby overwrite it.
  const action = op === 'remove' ? 'delete' : isThere ? 'update' : 'create'
  if (!may(action)) return refuse('FORBIDDEN', reservedMessage(name))
  const { [name]: _, ...others } = record.properties
  const properties = op === 'remove' ? others : { ...record.properties, [name]: change.value ?? null }
  return { ...record, properties }
}

function refuse(code: ImageErrorCode, message: string): PatchRefusal {
  return { code, message }
}
