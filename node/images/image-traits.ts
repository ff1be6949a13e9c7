/**
 * What many images have in common: owner, state, formats, tags. Each different combination is kept once; the images of a
 * project differ in names and digests, not in these.
 */
import type { ImageRecord } from './image-record.ts'
import { ValueTree } from './value-tree.ts'

export type ImageTraits = Pick<
  ImageRecord,
  | 'status'
  | 'visibility'
  | 'protected'
  | 'hidden'
  | 'owner'
  | 'containerFormat'
  | 'diskFormat'
  | 'minDisk'
  | 'minRam'
  | 'hashAlgo'
  | 'tags'
>

/** Combinations that are shared, some 500 bytes each; beyond it each image keeps its own. */
const SHARED_MAX = 10_000

export class TraitsPool {
  readonly #shared = new ValueTree<unknown, ImageTraits>(SHARED_MAX)

  /** The pool's copy of what `record` has in common with others. */
  of(record: ImageRecord): ImageTraits {
    const parts = partsOf(record)
    const known = this.#shared.get(parts)
    if (known) return known
    const traits = traitsOf(record)
    this.#shared.put(parts, traits)
    return traits
  }
}

function traitsOf(record: ImageRecord): ImageTraits {
  const { status, visibility, owner, containerFormat, diskFormat, minDisk, minRam, hashAlgo, tags } = record
  const { protected: isProtected, hidden } = record
  return {
    status,
    visibility,
    protected: isProtected,
    hidden,
    owner,
    containerFormat,
    diskFormat,
    minDisk,
    minRam,
    hashAlgo,
    tags,
  }
}

/** Equal for equal traits alone: the tags, of which there may be any number, come last. */
function partsOf(image: ImageRecord): unknown[] {
  const { status, visibility, owner, containerFormat, diskFormat, minDisk, minRam, hashAlgo } = image
  const flags = [status, visibility, image.protected, image.hidden, minDisk, minRam]
  return [...flags, owner, containerFormat, diskFormat, hashAlgo, ...image.tags]
}
