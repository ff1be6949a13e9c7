/** One tag put on an image or taken off it (glance-api.md §10.2). The whole list is a matter of `image.patch`. */
import { onLiveImage, recheck, refuse, touch, write, type CalledArgs } from './image-decisions.ts'
import { checkQuotas, isRefusal, normalTags, type PatchQuotas } from './image-patch-rules.ts'

export interface TagArgs extends CalledArgs {
  tag: string
}

export interface AddTagArgs extends TagArgs {
  quotas: PatchQuotas
}

const add = onLiveImage<AddTagArgs>((record, { grant, tag, quotas, now }) => {
  const denied = recheck(grant, record)
  if (denied) return denied
  if (record.tags.includes(tag)) return { kind: 'keep' }
  const checked = checkQuotas({ ...record, tags: normalTags([...record.tags, tag]) }, quotas)
  return isRefusal(checked) ? refuse(checked.code, checked.message) : write(touch(checked, now))
})

const remove = onLiveImage<TagArgs>((record, { grant, tag, now }) => {
  const denied = recheck(grant, record)
  if (denied) return denied
  if (!record.tags.includes(tag)) return refuse('NOT_FOUND', `Image ${record.id} has no such tag.`)
  return write(touch({ ...record, tags: record.tags.filter((known) => known !== tag) }, now))
})

export const tagOperations = { 'image.add-tag': add, 'image.remove-tag': remove }

export interface TagOperationArgs {
  'image.add-tag': AddTagArgs
  'image.remove-tag': TagArgs
}
