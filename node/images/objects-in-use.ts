/**
 * An object that something in its back end stands on, such as the clones of an RBD image, is not taken from under it: as in
 * Glance, its image stays and the caller is told. Nothing is lost if nobody could be asked, or a clone is made in the meantime:
 * the back end keeps such an object, and the reaper deletes it when it may.
 */
import { BackendError } from '../backends/backend.ts'
import type { Backends, StoredObject } from '../backends/backends.ts'
import { ImageError } from '../errors.ts'

/** For all objects of an image, ms: a back end that is down does not keep images from being deleted. */
const ASK_MS = 5000

/** Throws CONFLICT when one of the objects is in use, as far as its back end tells in time. */
export async function requireNotInUse(
  backends: Pick<Backends, 'isInUse'>,
  imageId: string,
  objects: readonly StoredObject[],
): Promise<void> {
  const signal = AbortSignal.timeout(ASK_MS)
  const ask = (object: StoredObject) =>
    backends.isInUse(object, signal).catch((error: unknown) => {
      if (error instanceof BackendError || signal.aborted) return false
      throw error
    })
  const answers = await Promise.all(objects.map(ask))
  const at = answers.indexOf(true)
  if (at < 0) return
  throw new ImageError(
    'CONFLICT',
    `Image ${imageId} could not be deleted because it is in use: the store ${objects[at]!.store} has clones of it.`,
  )
}
