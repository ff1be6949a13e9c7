/** What requests of API v1 mean for a record, and which rules they are asked by. */
import { ImageError } from '../errors.ts'
import type { ImageRule } from './image-policy.ts'
import type { ImageRecord } from './image-record.ts'
import type { Caller, ImageChange, ImageDraft, UserField } from './image-requests.ts'
import type { V1Create, V1Fields, V1Source, V1Update } from './v1-images-port.ts'

/** Not public is `shared` in v2: members count from the start, as they do in v1. */
export function draftOf({ id, fields, properties }: V1Create, caller: Caller): ImageDraft {
  const { isPublic = false, owner, ...rest } = fields
  return {
    ...rest,
    ...(id != null && { id }),
    ...(caller.isAdmin && owner !== undefined && { owner }),
    visibility: isPublic ? 'public' : 'shared',
    properties,
  }
}

export function changesOf({ fields, properties }: V1Update, caller: Caller): ImageChange[] {
  const { isPublic, owner, ...rest } = fields
  const visibility = isPublic === undefined ? {} : { visibility: isPublic ? 'public' : 'shared' }
  const set = { ...rest, ...visibility, ...(caller.isAdmin && owner !== undefined && { owner }) }
  return [
    ...Object.entries(set).map(([field, value]): ImageChange => ({
      kind: 'set',
      field: field as UserField,
      value,
    })),
    ...Object.entries(properties).map(([name, value]): ImageChange => ({
      kind: 'property',
      op: 'add',
      name,
      value,
      ifPresent: 'overwrite',
    })),
  ]
}

/** The properties that go: those that the caller sees and does not name. */
export function purgedOf(request: V1Update, seen: ImageRecord): string[] {
  if (!request.purgesProperties || request.source?.kind === 'body') return []
  return Object.keys(seen.properties).filter((name) => !Object.hasOwn(request.properties, name))
}

export function sourceRules(source: V1Source | null): ImageRule[] {
  switch (source?.kind) {
    case 'body':
      return ['upload_image']
    case 'copy':
      return ['copy_from', 'upload_image']
    case 'location':
      return ['set_image_location']
    case undefined:
      return []
  }
}

export function updateRules({ fields, source }: { fields: V1Fields; source: V1Source | null }): ImageRule[] {
  return ['modify_image', ...(fields.isPublic ? ['publicize_image' as const] : []), ...sourceRules(source)]
}

/** Throws FORBIDDEN for what never changes, CONFLICT and INVALID for bytes that come too late. */
export function requireUpdatable(image: ImageRecord, { fixed, source }: V1Update): void {
  for (const name of ['id', 'status'] as const)
    if (fixed[name] !== undefined && fixed[name] !== image[name])
      throw new ImageError('FORBIDDEN', `Forbidden to modify '${name}' of image.`)
  if (source === null || image.status === 'queued') return
  if (source.kind === 'body') throw new ImageError('CONFLICT', 'Cannot upload to an unqueued image')
  throw new ImageError('INVALID', 'Attempted to update Location field for an image not in queued status.')
}
