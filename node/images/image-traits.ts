/**
 * What many images have in common: owner, state, formats, tags. Each different combination is kept once; the images of a
 * project differ in names and digests, not in these.
 */
import type { ImageRecord } from './image-record.ts'

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
  readonly #shared = new Map<string, ImageTraits>()

  /** The pool's copy of what `record` has in common with others. */
  of(record: ImageRecord): ImageTraits {
    const traits = traitsOf(record)
    const key = keyOf(traits)
    const known = this.#shared.get(key)
    if (known) return known
    if (this.#shared.size < SHARED_MAX) this.#shared.set(key, traits)
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

/** Equal for equal traits alone: texts carry their lengths. By hand, since every image at every start comes by here. */
function keyOf(traits: ImageTraits): string {
  const { status, visibility, protected: isProtected, hidden, minDisk, minRam, tags } = traits
  const flags = `${status} ${visibility} ${isProtected} ${hidden} ${minDisk} ${minRam} `
  const texts = part(traits.owner) + part(traits.containerFormat) + part(traits.diskFormat)
  return flags + texts + part(traits.hashAlgo) + tags.map(part).join('')
}

function part(text: string | null): string {
  return text === null ? '-' : `${text.length}:${text}`
}
