/**
 * PUT of API v1: all fields of an image at once (glance-api.md §13.2). What a client sends back as it was shown is no change,
 * so what it must not change is refused only where it differs. Pure: it runs inside the register.
 */
import { onLiveImage, recheck, refuse, touch, write, type CalledArgs } from './image-decisions.ts'
import { applyChanges, isRefusal, type PatchQuotas, type PatchRefusal } from './image-patch-rules.ts'
import type { ImageRecord } from './image-record.ts'
import type { ImageChange } from './image-requests.ts'
import type { ProtectedNames } from './property-rights.ts'

/** What is said of bytes before they are there. Absent: nothing. */
export interface Announced {
  size?: number
  /** md5, hex in lower case. */
  checksum?: string
}

export interface PutArgs extends CalledArgs {
  changes: ImageChange[]
  announced: Announced
  /** Properties that go where they are there: those that the caller has seen and not named. */
  purged: string[]
  quotas: PatchQuotas
  protectedNames: ProtectedNames
}

export const put = onLiveImage<PutArgs>((record, args) => {
  const { grant, changes, announced, purged, quotas, protectedNames, now } = args
  const refusal = recheck(grant, record) ?? refusalOf(changeOfBytes(record, announced))
  if (refusal) return refusal
  const removals = purged.filter((name) => Object.hasOwn(record.properties, name)).map(removalOf)
  const real = changes.filter((change) => !isAsItIs(record, change, protectedNames))
  const next = applyChanges(
    { ...record, ...announced },
    [...removals, ...real],
    grant.caller,
    quotas,
    protectedNames,
  )
  return isRefusal(next) ? refuse(next.code, next.message) : write(touch(next, now))
})

/** Of a property, as a change. */
export function removalOf(name: string): ImageChange {
  return { kind: 'property', op: 'remove', name, ifPresent: 'overwrite' }
}

/** Null while it may still be said, or says what is the case. */
function changeOfBytes(record: ImageRecord, announced: Announced): PatchRefusal | null {
  if (record.status === 'queued') return null
  for (const name of ['size', 'checksum'] as const) {
    if (announced[name] === undefined || announced[name] === record[name]) continue
    return { code: 'FORBIDDEN', message: `Forbidden to modify '${name}' of ${record.status} image.` }
  }
  return null
}

function refusalOf(refusal: PatchRefusal | null) {
  return refusal && refuse(refusal.code, refusal.message)
}

/** V1 knows public and not public: `shared` is its word for all of the latter. */
function isAsItIs(record: ImageRecord, change: ImageChange, protectedNames: ProtectedNames): boolean {
  if (change.kind === 'set') {
    if (change.field === 'visibility' && change.value === 'shared') return record.visibility !== 'public'
    return record[change.field] === change.value
  }
  if (change.kind !== 'property' || change.op === 'remove') return false
  const { name, value } = change
  // By names of their own alone: a property may be called `constructor`.
  const isSeen = !Object.hasOwn(protectedNames, name) || protectedNames[name]!.includes('read')
  return isSeen && Object.hasOwn(record.properties, name) && record.properties[name] === value
}
