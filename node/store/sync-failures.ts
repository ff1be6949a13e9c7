/**
 * Failed syncs of one disk, told to all who write to it. A disk, or a kernel, tells the loss of what it had cached once, to
 * whoever syncs next: LevelDB may get the error for what a segment lost, and the segment's own sync then succeeds. So what
 * was begun before a sync failed anywhere on that disk, and ends after it, is not durable whatever its own sync says.
 */
import { stat } from 'node:fs/promises'
import { ClusterError } from '../../cluster/errors.ts'

/** A disk fails for the whole process; by device. */
const disks = new Map<number, SyncFailures>()

export class SyncFailures {
  #count = 0

  /** Those of the disk that `path` is on. Throws what the file system throws. */
  static async of(path: string): Promise<SyncFailures> {
    const { dev } = await stat(path)
    const failures = disks.get(dev) ?? new SyncFailures()
    disks.set(dev, failures)
    return failures
  }

  /** To be noted before the first byte is written. */
  get count(): number {
    return this.#count
  }

  /** A sync has failed. */
  note(): void {
    this.#count++
  }

  /** Throws STORE_NOT_WRITABLE when one has failed since `count` was noted. */
  assertNoneSince(count: number): void {
    if (this.#count === count) return
    const message = 'another sync on the same disk failed meanwhile: what this one covers may be lost with it'
    throw new ClusterError('STORE_NOT_WRITABLE', message)
  }
}
