/**
 * Room on this node's disk for bytes on their way into the cluster that a tool has to see whole. It is bounded, leaves free
 * what the store keeps free, and holds nothing after a crash: the next start empties it.
 */
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ImageError } from '../errors.ts'
import type { SpaceProbe } from '../store/free-space.ts'

export interface ScratchSpaceOptions {
  /** Emptied at the start: nothing else may be in it. */
  directory: string
  /** Of all folders together. */
  bytesMax: number
  /** What is left free on its file system. */
  freeBytesMin: number
}

/** The file system is asked again after so many bytes: a second of writing, or less. */
const ASK_EVERY_BYTES = 64 * 1024 ** 2
const OWNER_ONLY = 0o700

export class ScratchSpace {
  readonly #probe: SpaceProbe
  readonly #options: ScratchSpaceOptions
  #cleaned: Promise<void> | null = null
  #usedBytes = 0
  #askedAtBytes = -ASK_EVERY_BYTES

  constructor(components: { probe: SpaceProbe }, options: ScratchSpaceOptions) {
    this.#probe = components.probe
    this.#options = options
  }

  /** Removes what a crash has left. Rejects as the file system does; so will `folder` then. */
  start(): Promise<void> {
    return (this.#cleaned ??= rm(this.#options.directory, { recursive: true, force: true }))
  }

  /** A new folder; whoever has it owes its `remove`. */
  async folder(): Promise<ScratchFolder> {
    const { directory } = this.#options
    await this.start()
    await mkdir(directory, { recursive: true, mode: OWNER_ONLY })
    return new ScratchFolder(await mkdtemp(join(directory, 'import-')), {
      take: (sizeBytes) => this.#take(sizeBytes),
      giveBack: (sizeBytes) => void (this.#usedBytes -= sizeBytes),
    })
  }

  /** Counted before anything is awaited: two that come together never share the last room. */
  async #take(sizeBytes: number): Promise<void> {
    this.#usedBytes += sizeBytes
    if (this.#usedBytes > this.#options.bytesMax) throw full(`more than ${this.#options.bytesMax} bytes`)
    if (this.#usedBytes - this.#askedAtBytes < ASK_EVERY_BYTES && this.#usedBytes >= this.#askedAtBytes)
      return
    this.#askedAtBytes = this.#usedBytes
    const { freeBytes } = await this.#probe()
    if (freeBytes - ASK_EVERY_BYTES < this.#options.freeBytesMin) throw full('more than is free on the disk')
  }
}

interface Account {
  /** Throws UNAVAILABLE; what was taken is to be given back all the same. */
  take: (sizeBytes: number) => Promise<void>
  giveBack: (sizeBytes: number) => void
}

export class ScratchFolder {
  readonly path: string
  readonly #account: Account
  /** Of each file, by name. */
  readonly #sizes = new Map<string, number>()

  constructor(path: string, account: Account) {
    this.path = path
    this.#account = account
  }

  /** Where a file of the folder is. */
  file(name: string): string {
    return join(this.path, name)
  }

  /** Throws UNAVAILABLE when there is no room, or what `body` throws. Each piece is done with when the next is asked for. */
  async write(name: string, body: AsyncIterable<Uint8Array>): Promise<void> {
    const file = await open(this.file(name), 'wx', 0o600)
    try {
      let writtenBytes = 0
      for await (const piece of body) {
        await this.grownTo(name, writtenBytes + piece.length)
        await file.writeFile(piece)
        writtenBytes += piece.length
      }
    } finally {
      await file.close()
    }
  }

  /** A tool has made a file so large. Throws UNAVAILABLE when that is more than there is room for. */
  async grownTo(name: string, sizeBytes: number): Promise<void> {
    const before = this.#sizes.get(name) ?? 0
    if (sizeBytes <= before) return
    this.#sizes.set(name, sizeBytes)
    await this.#account.take(sizeBytes - before)
  }

  async removeFile(name: string): Promise<void> {
    await rm(this.file(name), { force: true })
    this.#account.giveBack(this.#sizes.get(name) ?? 0)
    this.#sizes.delete(name)
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
    for (const sizeBytes of this.#sizes.values()) this.#account.giveBack(sizeBytes)
    this.#sizes.clear()
  }
}

function full(what: string): ImageError {
  return new ImageError(
    'UNAVAILABLE',
    `There is no room at this node to change the data of the import: it takes ${what} together with other imports. ` +
      'Try again later.',
  )
}
