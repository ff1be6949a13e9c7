/**
 * A directory of exported images: `ID.json` with all that is said of an image, `ID.img` with its bytes. The JSON comes last
 * and at once: where it is, the bytes are whole. Nothing but these files is read or written.
 */
import { createReadStream } from 'node:fs'
import { lstat, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { MovedImage } from '../../images/moved-image.ts'
import { bytesName, idOfRecord, parseRecord, recordName, recordText } from './exported-record.ts'
import type { ImagePlace, LeftOut, SourceList } from './image-source.ts'

/** Pieces of a file, bytes. */
const PIECE_BYTES = 1024 * 1024

export class ImageFiles implements ImagePlace {
  readonly name: string

  constructor(directory: string) {
    this.name = directory
  }

  async list(): Promise<SourceList> {
    const images: MovedImage[] = []
    const leftOut: LeftOut[] = []
    for (const file of (await readdir(this.name)).sort()) {
      const id = idOfRecord(file)
      if (id === null) continue
      const image = await this.read(id).catch((error: unknown) => error as Error)
      if (image instanceof Error)
        leftOut.push({ id, name: null, why: `${file}: ${image.message}`, isLoss: true })
      else if (image) images.push(image)
    }
    return { images, leftOut }
  }

  open({ id }: MovedImage, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return createReadStream(this.#bytesOf(id), { highWaterMark: PIECE_BYTES, signal })
  }

  async read(id: string): Promise<MovedImage | null> {
    const text = await readFile(this.#recordOf(id), 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    })
    return text === null ? null : parseRecord(id, text)
  }

  async hasBytes({ id, size }: MovedImage): Promise<boolean> {
    const found = await lstat(this.#bytesOf(id)).catch(() => null)
    return found?.isFile() === true && found.size === size
  }

  async prepare(): Promise<void> {
    await mkdir(this.name, { recursive: true })
  }

  writeBytes({ id }: MovedImage, body: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#write(this.#bytesOf(id), body)
  }

  async writeRecord(image: MovedImage): Promise<void> {
    await this.#write(this.#recordOf(image.id), [recordText(image)])
  }

  async close(): Promise<void> {}

  async #write(path: string, body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const part = `${path}.part`
    try {
      const file = await open(part, 'w')
      try {
        for await (const piece of body) await file.writeFile(piece)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(part, path)
      await this.#syncDirectory()
    } catch (error) {
      await rm(part, { force: true })
      throw error
    }
  }

  /** A rename is durable when its directory is. */
  async #syncDirectory(): Promise<void> {
    const directory = await open(this.name)
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  #recordOf(id: string): string {
    return join(this.name, recordName(id))
  }

  #bytesOf(id: string): string {
    return join(this.name, bytesName(id))
  }
}
