/**
 * A directory of exported images: `ID.json` with all that is said of an image, `ID.img` with its bytes. The JSON comes last
 * and at once: where it is, the bytes are whole. Nothing but these files is read or written.
 */
import { createReadStream } from 'node:fs'
import { lstat, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { MovedImage } from '../../images/moved-image.ts'
import { parseMovedImage } from '../../images/moved-image-form.ts'
import type { ImageSource, LeftOut, SourceList } from './image-source.ts'

/** Of the JSON; it grows with every change that older releases cannot read. */
const FORMAT = 1
const RECORD = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.json$/
/** Pieces of a file, bytes. */
const PIECE_BYTES = 1024 * 1024

export class ImageFiles implements ImageSource {
  readonly name: string

  constructor(directory: string) {
    this.name = directory
  }

  async list(): Promise<SourceList> {
    const images: MovedImage[] = []
    const leftOut: LeftOut[] = []
    for (const file of (await readdir(this.name)).sort()) {
      const id = RECORD.exec(file)?.[1]
      if (id === undefined) continue
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

  /** Null when it is not there. Throws an Error when it cannot be read. */
  async read(id: string): Promise<MovedImage | null> {
    const text = await readFile(this.#recordOf(id), 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    })
    if (text === null) return null
    const { format, image } = JSON.parse(text) as { format?: unknown; image?: unknown }
    if (format !== FORMAT) throw new Error(`it has format ${String(format)}, this release reads ${FORMAT}`)
    const parsed = parseMovedImage(image)
    if (parsed.id !== id) throw new Error('it is of an image with another id')
    return parsed
  }

  /** Whether the bytes of an image are there with their size. */
  async hasBytes({ id, size }: MovedImage): Promise<boolean> {
    const found = await lstat(this.#bytesOf(id)).catch(() => null)
    return found?.isFile() === true && found.size === size
  }

  async prepare(): Promise<void> {
    await mkdir(this.name, { recursive: true })
  }

  /** Durable when it resolves. What `body` throws leaves nothing behind. */
  writeBytes(id: string, body: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#write(this.#bytesOf(id), body)
  }

  async writeRecord(image: MovedImage): Promise<void> {
    const text = `${JSON.stringify({ format: FORMAT, image }, null, 2)}\n`
    await this.#write(this.#recordOf(image.id), [Buffer.from(text)])
  }

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
    return join(this.name, `${id}.json`)
  }

  #bytesOf(id: string): string {
    return join(this.name, `${id}.img`)
  }
}
