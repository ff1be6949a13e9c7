/**
 * No object in a back end is ever forgotten: whatever an operation makes of an image, an object that its record named before and
 * does not name after it is written down as discarded, in the tombstone if need be. There it stays until somebody has
 * deleted it in its back end, which may be down for a while.
 */
import type { Operation } from '../../cluster/register/operations.ts'
import type { StoredObject } from '../backends/backends.ts'
import { operation, refuse } from './image-decisions.ts'
import type { ImageRecord } from './image-record.ts'
import { storedObjects } from './location-rules.ts'

export interface ForgetObjectsArgs {
  /** URLs of discarded objects that are not there any more. */
  urls: string[]
}

/** The same operation, which discards what it leaves. */
export function discarding(inner: Operation): Operation {
  return (current, args) => {
    const decision = inner(current, args)
    if (!current || decision.kind !== 'write') return decision
    const record = decision.next.record as ImageRecord
    const named = new Set(objectsIn(record).map(({ url }) => url))
    const left = objectsIn(current.record as ImageRecord).filter(({ url }) => !named.has(url))
    if (left.length === 0) return decision
    const discarded = [...(record.discarded ?? []), ...left]
    return { ...decision, next: { ...decision.next, record: { ...record, discarded } } }
  }
}

/** Not touched: for its users nothing has changed. */
const forgetObjects = operation<ForgetObjectsArgs>((current, { urls }) => {
  const { discarded = [], ...rest } = (current?.record ?? {}) as ImageRecord
  const left = discarded.filter(({ url }) => !urls.includes(url))
  if (!current || left.length === discarded.length)
    return refuse('NOT_FOUND', 'No image has these objects any more.')
  const record: ImageRecord = left.length > 0 ? { ...rest, discarded: left } : rest
  return { kind: 'write', next: { live: current.live, record } }
})

export const objectOperations = {
  'image.forget-objects': forgetObjects,
}

export interface ObjectOperationArgs {
  'image.forget-objects': ForgetObjectsArgs
}

/** All that a record names: what the image has, what is on its way, what waits for its end. */
function objectsIn(record: ImageRecord): StoredObject[] {
  return [...storedObjects(record), ...(record.upload?.objects ?? []), ...(record.discarded ?? [])]
}
