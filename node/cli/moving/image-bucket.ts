/**
 * A bucket of exported images, or what begins with a prefix in it: the same as in a directory. S3 shows an object whole or not at
 * all, so that the JSON that comes last says here, too, that the bytes are there; each request is signed with the digest of what
 * it sends.
 */
import { text } from 'node:stream/consumers'
import { hasCode } from '../../../cluster/errors.ts'
import type { S3Backend } from '../../backends/s3-backend.ts'
import type { MovedImage } from '../../images/moved-image.ts'
import { bytesName, idOfRecord, parseRecord, recordName, recordText } from './exported-record.ts'
import { BytesMissingError, type ImagePlace, type LeftOut, type SourceList } from './image-source.ts'
import { runParallel } from './run-parallel.ts'

const RECORDS_AT_ONCE = 8
/** For one small request with all its tries, ms. */
const REQUEST_MS = 300_000

export type Bucket = Pick<
  S3Backend,
  'list' | 'read' | 'sizeOf' | 'put' | 'abandonUploads' | 'requireBucket' | 'close'
>

export class ImageBucket implements ImagePlace {
  readonly name: string
  readonly #bucket: Bucket
  readonly #prefix: string

  /** `prefix` is empty, or ends with a slash. */
  constructor(bucket: Bucket, place: { name: string; prefix: string }) {
    this.#bucket = bucket
    this.name = place.name
    this.#prefix = place.prefix
  }

  async list(): Promise<SourceList> {
    const ids: string[] = []
    for await (const { name } of this.#bucket.list(this.#prefix, new AbortController().signal)) {
      const id = idOfRecord(name.slice(this.#prefix.length))
      if (id !== null) ids.push(id)
    }
    const images: MovedImage[] = []
    const leftOut: LeftOut[] = []
    await runParallel(ids, RECORDS_AT_ONCE, async (id) => {
      const image = await this.read(id).catch((error: unknown) => error as Error)
      if (image instanceof Error)
        leftOut.push({ id, name: null, why: `${recordName(id)}: ${image.message}`, isLoss: true })
      else if (image) images.push(image)
    })
    return { images: images.toSorted(byId), leftOut }
  }

  async *open({ id }: MovedImage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#bucket.read(this.#prefix + bytesName(id), signal)
    } catch (error) {
      if (!hasCode(error, 'BACKEND_NOT_FOUND')) throw error
      throw new BytesMissingError(`${bytesName(id)} is not there`, { cause: error })
    }
  }

  async read(id: string): Promise<MovedImage | null> {
    try {
      return parseRecord(id, await text(this.#bucket.read(this.#prefix + recordName(id), soon())))
    } catch (error) {
      if (hasCode(error, 'BACKEND_NOT_FOUND')) return null
      throw error
    }
  }

  async hasBytes({ id, size }: MovedImage): Promise<boolean> {
    return (await this.#bucket.sizeOf(this.#prefix + bytesName(id), soon())) === size
  }

  prepare(): Promise<void> {
    return this.#bucket.requireBucket(soon())
  }

  async writeBytes({ id, size }: MovedImage, body: AsyncIterable<Uint8Array>): Promise<void> {
    const name = this.#prefix + bytesName(id)
    await this.#bucket.abandonUploads(name, soon())
    await this.#bucket.put(name, body, { sizeBytes: size, signal: new AbortController().signal })
  }

  async writeRecord(image: MovedImage): Promise<void> {
    const bytes = recordText(image)
    await this.#bucket.put(this.#prefix + recordName(image.id), piecesOf(bytes), {
      sizeBytes: bytes.length,
      signal: soon(),
    })
  }

  close(): Promise<void> {
    return this.#bucket.close()
  }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function soon(): AbortSignal {
  return AbortSignal.timeout(REQUEST_MS)
}

function byId(a: MovedImage, b: MovedImage): number {
  return a.id < b.id ? -1 : 1
}
