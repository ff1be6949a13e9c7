/** The database of a Glance and the directories of its file store, while that Glance runs or not. Both are only read. */
import { createReadStream } from 'node:fs'
import { lstat, open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { MovedImage } from '../../images/moved-image.ts'
import { movedGlanceImage, outsideLocations } from './glance-form.ts'
import { imagesIn, type GlanceTables, type TableImage } from './glance-tables.ts'
import { BytesMissingError, type ImageSource, type LeftOut, type SourceList } from './image-source.ts'
import { readMysqlDump } from './mysql-dump.ts'
import { readSqliteTables, SQLITE_MAGIC } from './sqlite-tables.ts'

/** Pieces of a file, bytes. */
const PIECE_BYTES = 1024 * 1024
const FILE_URL = /^file:\/\//i

export class GlanceDatabaseSource implements ImageSource {
  readonly name: string
  readonly #database: string
  readonly #stores: readonly string[] | null
  readonly #files = new Map<string, string>()

  /**
   * `stores`: the directories of its file stores. Files are looked for there by their names alone. null: whoever takes the images
   * looks for their bytes.
   */
  constructor(database: string, stores: readonly string[] | null) {
    this.#database = database
    this.#stores = stores
    this.name = database
  }

  async list(): Promise<SourceList> {
    const result: SourceList = { images: [], leftOut: [] }
    for (const image of imagesIn(await readTables(this.#database))) {
      const moved = await this.#moved(image)
      if ('why' in moved) result.leftOut.push(moved)
      else result.images.push(moved)
    }
    return result
  }

  open(image: MovedImage, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const path = this.#files.get(image.id)
    if (path === undefined) throw new BytesMissingError('none of its files was found')
    return createReadStream(path, { highWaterMark: PIECE_BYTES, signal })
  }

  async #moved(image: TableImage): Promise<MovedImage | LeftOut> {
    const outside = outsideLocations(image.locations).length
    if (!this.#stores) return movedGlanceImage({ ...image, hasBytes: image.locations.length > outside })
    const size = typeof image.fields['size'] === 'number' ? image.fields['size'] : null
    const path = await this.#fileOf(image, size)
    if (path !== null) this.#files.set(image.id, path)
    const moved = movedGlanceImage({ ...image, hasBytes: path !== null })
    const isWithoutBytes = path === null && outside === 0
    if (!('why' in moved) || !moved.isLoss || !isWithoutBytes || !hasData(image)) return moved
    return { ...moved, why: this.#whyNoFile(image) }
  }

  /** Never by the path in the database: that may lead anywhere on this machine. */
  async #fileOf({ locations }: TableImage, size: number | null): Promise<string | null> {
    for (const { url } of locations.filter((location) => FILE_URL.test(location.url))) {
      for (const store of this.#stores ?? []) {
        const path = join(store, basename(decodeURIComponent(new URL(url).pathname)))
        const found = await lstat(path).catch(() => null)
        if (found?.isFile() && (size === null || found.size === size)) return path
      }
    }
    return null
  }

  #whyNoFile({ locations }: TableImage): string {
    const files = locations.filter(({ url }) => FILE_URL.test(url))
    const [file] = files
    if (file) return `no file ${basename(file.url)} of its size is in ${this.#stores?.join(', ')}`
    const schemes = [...new Set(locations.map(({ url }) => url.split(':')[0]!))].join(', ')
    return `its bytes are in a store of another kind (${schemes || 'none'}): import it from the running Glance`
  }
}

function hasData({ fields }: TableImage): boolean {
  return fields['status'] === 'active' || fields['status'] === 'deactivated'
}

async function readTables(path: string): Promise<GlanceTables> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(SQLITE_MAGIC.length), 0, SQLITE_MAGIC.length, 0)
    return await (buffer.toString('latin1') === SQLITE_MAGIC ? readSqliteTables(path) : readMysqlDump(path))
  } finally {
    await file.close()
  }
}
