/**
 * A directory, laid out as Glance's filesystem store has it: one file an image. Nodes that have it must see the same one (NFS,
 * CephFS): nothing here copies files between nodes. It is never made here, so that a mount that is missing is seen as that: name a
 * directory inside of the mount.
 */
import { constants, open, rename, stat, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BackendError, lastPartOf, type Backend, type ObjectRange, type PutRequest } from './backend.ts'

export interface FileBackendOptions {
  /** Of the store. */
  id: string
  directory: string
  /** Permissions of new files; 0 = as the process has them. */
  mode: number
}

/** Bytes of one read. */
const READ_BYTES = 256 * 1024
/** What is not whole yet, and no image's name: readers never see it. */
const PART_ENDING = '.part'

export class FileBackend implements Backend {
  readonly properties: Readonly<Record<string, unknown>>
  readonly #options: FileBackendOptions

  constructor(options: FileBackendOptions) {
    this.#options = options
    this.properties = { data_dir: options.directory, chunk_size: READ_BYTES, thin_provisioning: false }
  }

  urlOf(name: string): string {
    return pathToFileURL(this.#pathOf(name)).href
  }

  nameOf(url: string): string {
    return lastPartOf(url)
  }

  async put(name: string, body: AsyncIterable<Uint8Array>, { signal }: PutRequest): Promise<number> {
    await this.#requireDirectory()
    const part = this.#pathOf(name) + PART_ENDING
    try {
      const sizeBytes = await this.#write(part, body, signal)
      await this.#told(() => rename(part, this.#pathOf(name)))
      await this.#syncDirectory()
      return sizeBytes
    } catch (error) {
      await unlink(part).catch(() => {})
      throw error
    }
  }

  async *open(name: string, { start, end }: ObjectRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    // A link could lead anywhere, and a pipe has nobody at its other end.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const file = await this.#told(() => open(this.#pathOf(name), flags))
    try {
      await this.#requireFile(file)
      for (let at = start; at <= end;) {
        signal.throwIfAborted()
        const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end + 1 - at))
        const { bytesRead } = await this.#told(() => file.read(buffer, 0, buffer.length, at))
        if (bytesRead === 0) return
        at += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  }

  async delete(name: string): Promise<void> {
    await this.#requireDirectory()
    for (const path of [this.#pathOf(name), this.#pathOf(name) + PART_ENDING])
      await this.#told(() => unlink(path)).catch((error: unknown) => {
        if (!(error instanceof BackendError && error.code === 'BACKEND_NOT_FOUND')) throw error
      })
    await this.#syncDirectory()
  }

  async close(): Promise<void> {}

  #pathOf(name: string): string {
    return join(this.#options.directory, name)
  }

  async #write(path: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number> {
    const { mode } = this.#options
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW
    const file = await this.#told(() => open(path, flags))
    try {
      if (mode !== 0) await this.#told(() => file.chmod(mode))
      let sizeBytes = 0
      for await (const piece of body) {
        signal.throwIfAborted()
        await this.#told(() => file.writeFile(piece))
        sizeBytes += piece.length
      }
      await this.#told(() => file.sync())
      return sizeBytes
    } finally {
      await file.close()
    }
  }

  async #requireFile(file: FileHandle): Promise<void> {
    const found = await this.#told(() => file.stat())
    if (found.isFile()) return
    const message = `The store ${this.#options.id} has something under that name which is no file.`
    throw new BackendError('BACKEND_REFUSED', message)
  }

  /** Where it is missing, so is a mount, and what is not there says nothing. */
  async #requireDirectory(): Promise<void> {
    const { id, directory } = this.#options
    const found = await stat(directory).catch(() => null)
    if (found?.isDirectory()) return
    throw new BackendError('BACKEND_UNAVAILABLE', `The store ${id} has no directory now: is it mounted?`)
  }

  async #syncDirectory(): Promise<void> {
    const directory = await this.#told(() => open(this.#options.directory, constants.O_RDONLY))
    try {
      await this.#told(() => directory.sync())
    } finally {
      await directory.close()
    }
  }

  async #told<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw asBackendError(this.#options.id, error)
    }
  }
}

function asBackendError(id: string, error: unknown): BackendError {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  switch (code) {
    case 'ENOENT':
      return new BackendError('BACKEND_NOT_FOUND', `The store ${id} has no such file.`, {}, error)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ELOOP':
      return new BackendError('BACKEND_REFUSED', `The store ${id} cannot be used: ${code}.`, {}, error)
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new BackendError('BACKEND_FULL', `The store ${id} is full.`, {}, error)
    default:
      return new BackendError(
        'BACKEND_UNAVAILABLE',
        `The store ${id} fails: ${code || 'unknown'}.`,
        {},
        error,
      )
  }
}
