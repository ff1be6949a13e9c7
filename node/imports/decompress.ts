/**
 * Takes images out of what they were packed in, as Glance's plugin does: gzip, or a zip archive of one file. What comes out
 * is bounded by whoever reads it, and inflated on the pool of threads.
 */
import type { Readable, Writable } from 'node:stream'
import { crc32, createGunzip } from 'node:zlib'
import { ImageError } from '../errors.ts'
import type { ScratchSpace } from './scratch-space.ts'

type Packing = 'gzip' | 'zip' | 'lha'

/** Bytes of the beginning that tell. */
export const PACKING_HEAD_BYTES = 5
const MARKS: readonly { packing: Packing; at: number; bytes: readonly number[] }[] = [
  { packing: 'zip', at: 0, bytes: [0x50, 0x4b, 0x03, 0x04] },
  { packing: 'lha', at: 2, bytes: [0x2d, 0x6c, 0x68] },
  { packing: 'gzip', at: 0, bytes: [0x1f, 0x8b, 0x08] },
]
/** One piece of what comes out: short enough a task for a thread that disks wait for, too. */
const PIECE_BYTES = 256 * 1024
const ARCHIVE = 'archive'

/** null: the bytes are what they are. `head`: the first of them, PACKING_HEAD_BYTES where there are so many. */
export function packingOf(head: Uint8Array): Packing | null {
  const fits = MARKS.find(({ at, bytes }) => bytes.every((byte, index) => head[at + index] === byte))
  return fits?.packing ?? null
}

/** The bytes themselves where they are not packed. Throws INVALID for what is damaged, UNSUPPORTED_MEDIA, UNAVAILABLE. */
export async function* decompressed(
  body: AsyncIterable<Uint8Array>,
  scratch: Pick<ScratchSpace, 'folder'>,
): AsyncGenerator<Uint8Array> {
  const { head, whole, close } = await peek(body, PACKING_HEAD_BYTES)
  switch (packingOf(head)) {
    case null:
      yield* whole
      break
    case 'gzip':
      yield* gunzipped(whole)
      break
    case 'zip':
      yield* unzipped(whole, scratch)
      break
    case 'lha':
      await close()
      throw new ImageError(
        'UNSUPPORTED_MEDIA',
        'The data is an LHA archive; only gzip and zip are decompressed.',
      )
  }
}

export interface Peeked {
  head: Buffer
  /** From the first byte on. */
  whole: AsyncIterable<Uint8Array>
  /** Instead of reading it. */
  close: () => Promise<unknown>
}

/** The first bytes, and all of them with those; whoever has it reads or closes it. */
export async function peek(body: AsyncIterable<Uint8Array>, lengthBytes: number): Promise<Peeked> {
  const source = body[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < lengthBytes) {
    const next = await source.next()
    if (next.done) break
    // A copy: what was lent is taken back when more is asked for.
    head = Buffer.concat([head, next.value])
  }
  return { head, whole: withRest(head, source), close: async () => source.return?.() }
}

async function* withRest(head: Buffer, source: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value
  } finally {
    await source.return?.()
  }
}

async function* gunzipped(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES })
  const pumped = pump(body, gunzip)
  try {
    yield* inflatedFrom(gunzip, 'gzip')
  } finally {
    gunzip.destroy()
    await pumped
  }
}

/** Each piece is used up before the next is asked for. Never rejects: who reads `into` is thrown what goes wrong. */
async function pump(body: AsyncIterable<Uint8Array>, into: Writable): Promise<void> {
  try {
    for await (const piece of body) if (!(await isTaken(piece, into))) return
    into.end()
  } catch (error) {
    into.destroy(new SourceFailure(error))
  }
}

function isTaken(piece: Uint8Array, into: Writable): Promise<boolean> {
  return new Promise((resolve) => into.write(piece, (error) => resolve(!error)))
}

/** The packed bytes do not come, which says nothing against them. */
class SourceFailure extends Error {
  constructor(cause: unknown) {
    super('the source has failed', { cause })
  }
}

/** Its list of files is at its end, so that it must be there as a whole. */
async function* unzipped(
  body: AsyncIterable<Uint8Array>,
  scratch: Pick<ScratchSpace, 'folder'>,
): AsyncGenerator<Uint8Array> {
  const { openPromise } = await import('yauzl')
  const folder = await scratch.folder()
  try {
    await folder.write(ARCHIVE, body)
    const archive = await openPromise(folder.file(ARCHIVE), { lazyEntries: true, autoClose: false }).catch(
      (error: unknown) => {
        throw damaged('zip', error)
      },
    )
    try {
      const entry = await onlyEntry(archive)
      const inflating = await archive.openReadStreamPromise(entry).catch((error: unknown) => {
        throw damaged('zip', error)
      })
      yield* checked(inflatedFrom(inflating, 'zip'), entry.crc32)
    } finally {
      archive.close()
    }
  } finally {
    await folder.remove()
  }
}

type Archive = Awaited<ReturnType<(typeof import('yauzl'))['openPromise']>>
type Entry = Parameters<Archive['openReadStreamPromise']>[0]

async function onlyEntry(archive: Archive): Promise<Entry> {
  if (archive.entryCount !== 1)
    throw new ImageError('UNSUPPORTED_MEDIA', `The zip archive has ${archive.entryCount} files, and not one.`)
  return new Promise((resolve, reject) => {
    archive.once('entry', resolve)
    archive.once('error', (error: Error) => reject(damaged('zip', error)))
    archive.once('end', () => reject(damaged('zip', new Error('it has no file'))))
    archive.readEntry()
  })
}

async function* inflatedFrom(stream: Readable, packing: Packing): AsyncGenerator<Uint8Array> {
  try {
    yield* stream
  } catch (error) {
    throw error instanceof SourceFailure ? error.cause : damaged(packing, error)
  }
}

/** The size is compared by the library, the sum is not. */
async function* checked(body: AsyncIterable<Uint8Array>, wanted: number): AsyncGenerator<Uint8Array> {
  let sum = 0
  for await (const piece of body) {
    sum = crc32(piece, sum)
    yield piece
  }
  if (sum !== wanted) throw damaged('zip', new Error('its checksum is another'))
}

function damaged(packing: Packing, error: unknown): ImageError {
  return new ImageError('INVALID', `The ${packing} data is damaged: ${(error as Error).message}.`, {}, error)
}
