/** Makes an image of one disk format one of another on its way into the cluster, by way of files on this node's disk. */
import { createReadStream } from 'node:fs'
import { ImageError } from '../errors.ts'
import { judge } from '../inspect/format-verdict.ts'
import type { FormatRules } from '../inspect/image-format.ts'
import { ImageInspector } from '../inspect/image-inspector.ts'
import { canConvert, type QemuImg } from './qemu-img.ts'
import type { ScratchFolder, ScratchSpace } from './scratch-space.ts'

export interface ConvertedFormats {
  from: string
  to: string
}

/** What bounds one way of bytes into the cluster. */
export interface PassLimits {
  /** Of what comes out. */
  sizeBytesMax: number
  signal: AbortSignal
}

export interface ImageConverterComponents {
  scratch: Pick<ScratchSpace, 'folder'>
  qemuImg: Pick<QemuImg, 'convert'>
}

const SOURCE = 'source'
const TARGET = 'target'
const READ_BYTES = 1024 ** 2

export class ImageConverter {
  readonly #components: ImageConverterComponents
  readonly #rules: FormatRules

  constructor(components: ImageConverterComponents, rules: FormatRules) {
    this.#components = components
    // What is not what it says is not shown to the tool, whatever may be uploaded.
    this.#rules = { ...rules, requireImageFormatMatch: true }
  }

  /** Throws UNSUPPORTED_MEDIA for data that is not what it says or cannot be converted, and as QemuImg does. */
  async *convert(
    body: AsyncIterable<Uint8Array>,
    { from, to }: ConvertedFormats,
    { sizeBytesMax, signal }: PassLimits,
  ): AsyncGenerator<Uint8Array> {
    if (!canConvert(from))
      throw new ImageError('UNSUPPORTED_MEDIA', `Images of disk_format ${from} cannot be converted to ${to}.`)
    const { scratch, qemuImg } = this.#components
    const folder = await scratch.folder()
    try {
      await this.#takeInspected(folder, body, from)
      await qemuImg.convert({ folder, source: SOURCE, target: TARGET, from, to, sizeBytesMax, signal })
      await folder.removeFile(SOURCE)
      yield* createReadStream(folder.file(TARGET), { highWaterMark: READ_BYTES, signal })
    } finally {
      await folder.remove()
    }
  }

  async #takeInspected(
    folder: ScratchFolder,
    body: AsyncIterable<Uint8Array>,
    diskFormat: string,
  ): Promise<void> {
    const inspector = new ImageInspector(this.#rules)
    await folder.write(SOURCE, seenBy(inspector, body))
    const verdict = judge(diskFormat, inspector.findings, this.#rules)
    if (verdict.isRefused) throw new ImageError('UNSUPPORTED_MEDIA', verdict.reason, { diskFormat })
  }
}

async function* seenBy(
  inspector: ImageInspector,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    inspector.see(piece)
    yield piece
  }
  inspector.end()
}
