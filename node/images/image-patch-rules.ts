/** What a PATCH does to a record (glance-api.md §6.2). Pure: it runs inside the register. */
import type { ImageErrorCode } from '../errors.ts'
import { copies as copiesForm } from '../config/copies.ts'
import { COPIES_PROPERTY, ownCopies } from './copies-policy.ts'
import type { ImageRecord } from './image-record.ts'
import type { ImageChange } from './image-requests.ts'
import type { CallerRights } from './visibility.ts'

export interface PatchQuotas {
  /** Custom properties per image; -1 = unlimited. */
  properties: number
  /** Tags per image; -1 = unlimited. */
  tags: number
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
): Result {
  let next = record
  for (const change of changes) {
    const result = change.kind === 'set' ? setField(next, change, caller) : changeProperty(next, change)
    if (isRefusal(result)) return result
    next = result
  }
  return checkQuotas(withCopies(record, next), quotas)
}

/** Of an image with data, the copies change with the property; without it they stay as they are. */
function withCopies(before: ImageRecord, next: ImageRecord): ImageRecord {
  const copies = ownCopies(next)
  if (!next.data || copies === undefined || copies === ownCopies(before)) return next
  return { ...next, data: { ...next.data, copies } }
}

/** What a record as a whole must keep to, whoever wrote it. */
export function checkQuotas(record: ImageRecord, quotas: PatchQuotas): Result {
  const propertyCount = Object.keys(record.properties).length
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
  if (isFormat && record.status !== 'queued' && record.status !== 'importing')
    return refuse('FORBIDDEN', `Attribute ${formatName(field)} can be only replaced for a queued image.`)
  return null
}

function formatName(field: 'containerFormat' | 'diskFormat'): string {
  return field === 'diskFormat' ? 'disk_format' : 'container_format'
}

function changeProperty(record: ImageRecord, change: ImageChange & { kind: 'property' }): Result {
  const { op, name } = change
  const isThere = Object.hasOwn(record.properties, name)
  if (op === 'add' && isThere && change.ifPresent === 'conflict')
    return refuse('CONFLICT', `Property ${name} already present.`)
  if (op !== 'add' && !isThere) return refuse('CONFLICT', `Property ${name} does not exist.`)
  const { [name]: _, ...others } = record.properties
  const properties = op === 'remove' ? others : { ...record.properties, [name]: change.value ?? null }
  return { ...record, properties }
}

function refuse(code: ImageErrorCode, message: string): PatchRefusal {
  return { code, message }
}
