/** Which images, live or deleted, have left objects in back ends that wait for their end: kept up from learned rows. */
import type { LearnerRow } from '../../cluster/register/storage.ts'
import type { StoredObject } from '../backends/backends.ts'
import { imageIdOf } from './image-operations.ts'
import { toKnown } from './image-registers.ts'

export class DiscardedObjects {
  readonly #byImage = new Map<string, readonly StoredObject[]>()

  get all(): ReadonlyMap<string, readonly StoredObject[]> {
    return this.#byImage
  }

  /** The row of a register is another one now; null: there is none. */
  index(key: string, row: LearnerRow | null): void {
    const id = imageIdOf(key)
    // An unsettled row may yet come to nothing, and its image still have what it says is discarded (R12).
    if (id === null || (row && !row.settled)) return
    const { discarded = [] } = row ? toKnown(row.value).record : {}
    if (discarded.length > 0) this.#byImage.set(id, discarded)
    else this.#byImage.delete(id)
  }
}
