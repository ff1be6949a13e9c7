/** The images that are to be brought into the cache, in the order in which they were asked for. It outlives a restart. */
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'

/** An operator who queues more has a loop that went wrong; each is a file and a row of a list. */
const QUEUED_MAX = 10_000

export class CacheQueue {
  readonly #clock: Clock
  readonly #directory: string
  /** By image, since when; monotonic. */
  readonly #since = new Map<string, number>()

  constructor(clock: Clock, directory: string) {
    this.#clock = clock
    this.#directory = directory
  }

  /** Reads what was queued before; the directory must be there. */
  async start(): Promise<void> {
    const names = await readdir(this.#directory)
    const found = await Promise.all(
      names.map(async (name) => ({ name, queuedMs: (await stat(join(this.#directory, name))).mtimeMs })),
    )
    for (const { name } of found.toSorted((a, b) => a.queuedMs - b.queuedMs)) this.#note(name)
  }

  get all(): string[] {
    return [...this.#since.keys()]
  }

  get oldestAgeMs(): number {
    const [first] = this.#since.values()
    return first === undefined ? 0 : this.#clock.monotonicMs() - first
  }

  has(imageId: string): boolean {
    return this.#since.has(imageId)
  }

  /** Does nothing for one that is queued. Throws TOO_LARGE, or what the disk says. */
  async add(imageId: string): Promise<void> {
    if (this.#since.has(imageId)) return
    if (this.#since.size >= QUEUED_MAX)
      throw new ImageError('TOO_LARGE', `More than ${QUEUED_MAX} images are queued for the cache.`)
    this.#note(imageId)
    await writeFile(join(this.#directory, imageId), '')
  }

  /** Answers whether it was queued. */
  async remove(imageId: string): Promise<boolean> {
    if (!this.#since.delete(imageId)) return false
    await rm(join(this.#directory, imageId), { force: true })
    return true
  }

  #note(imageId: string): void {
    this.#since.set(imageId, this.#clock.monotonicMs())
  }
}
