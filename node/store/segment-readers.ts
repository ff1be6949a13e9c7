/**
 * Open read handles of segments, by number, shared by all who read at the moment. One in use is never closed; of those
 * not in use the longest idle goes first.
 */
import { open, type FileHandle } from 'node:fs/promises'

/** A TiB has 4096 segments, and a process often not more descriptors than that. */
const OPEN_MAX = 256

interface Reader {
  handle: Promise<FileHandle>
  users: number
}

export class SegmentReaders {
  readonly #pathOf: (segment: number) => string
  /** In the order of last use. */
  readonly #readers = new Map<number, Reader>()

  constructor(pathOf: (segment: number) => string) {
    this.#pathOf = pathOf
  }

  /** Fills `into` from `offset`; answers how many bytes there were. */
  async read(segment: number, offset: number, into: Buffer): Promise<number> {
    const reader = this.#take(segment)
    try {
      return await readFully(await reader.handle, offset, into)
    } finally {
      reader.users--
      // Forgotten while it was in use: its last user closes it.
      if (reader.users === 0 && this.#readers.get(segment) !== reader) void closeQuietly(reader.handle)
      this.#closeIdle()
    }
  }

  /** Gives up the handle of a segment that was unlinked: its space comes back when the last handle is closed. */
  forget(segment: number): void {
    const reader = this.#readers.get(segment)
    if (!reader) return
    this.#readers.delete(segment)
    if (reader.users === 0) void closeQuietly(reader.handle)
  }

  /** Closes all. Nobody may read any more. */
  async close(): Promise<void> {
    const readers = [...this.#readers.values()]
    this.#readers.clear()
    await Promise.all(readers.map(({ handle }) => closeQuietly(handle)))
  }

  #take(segment: number): Reader {
    const reader = this.#readers.get(segment) ?? this.#open(segment)
    this.#readers.delete(segment)
    this.#readers.set(segment, reader)
    reader.users++
    return reader
  }

  #open(segment: number): Reader {
    const handle = open(this.#pathOf(segment), 'r')
    const reader = { handle, users: 0 }
    // One that could not be opened is not kept: the file may come back, as a mount does.
    handle.catch(() => {
      if (this.#readers.get(segment) === reader) this.#readers.delete(segment)
    })
    return reader
  }

  #closeIdle(): void {
    for (const [segment, { handle, users }] of this.#readers) {
      if (this.#readers.size <= OPEN_MAX) return
      if (users > 0) continue
      this.#readers.delete(segment)
      void closeQuietly(handle)
    }
  }
}

async function readFully(handle: FileHandle, offset: number, into: Buffer): Promise<number> {
  let filled = 0
  while (filled < into.length) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

async function closeQuietly(handle: Promise<FileHandle>): Promise<void> {
  await handle.then((opened) => opened.close()).catch(() => {})
}
