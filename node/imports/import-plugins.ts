/** What operators have done to images on their way in, in the order that they say: Glance's plugins. */
import type { ImportPlugin } from '../config/import-options.ts'
import type { ImportChanges } from '../images/import-operations.ts'
import type { Caller } from '../images/image-requests.ts'
import { decompressed, packingOf } from './decompress.ts'
import type { ImageConverter, PassLimits } from './image-converter.ts'
import type { ScratchSpace } from './scratch-space.ts'

export interface ImportPluginsComponents {
  scratch: Pick<ScratchSpace, 'folder'>
  converter: Pick<ImageConverter, 'convert'>
}

export interface ImportPluginsOptions {
  plugins: readonly ImportPlugin[]
  outputFormat: string
  /** Properties that images are given, but for those of callers with one of these roles. */
  inject: Readonly<Record<string, string>>
  ignoreUserRoles: readonly string[]
}

/** An image as its bytes come. */
export interface IncomingFormats {
  diskFormat: string
  containerFormat: string
}

const CONVERTED_CONTAINER = 'bare'
const PACKED_CONTAINER = 'compressed'

export class ImportPlugins {
  readonly #components: ImportPluginsComponents
  readonly #options: ImportPluginsOptions

  constructor(components: ImportPluginsComponents, options: ImportPluginsOptions) {
    this.#components = components
    this.#options = options
  }

  /** What an import by `caller` makes of an image beside its bytes. */
  changesOf(caller: Caller, formats: IncomingFormats): ImportChanges {
    const { outputFormat: diskFormat } = this.#options
    return {
      properties: this.#injectedBy(caller),
      formats: this.#isConverted(formats) ? { diskFormat, containerFormat: CONVERTED_CONTAINER } : null,
    }
  }

  /** Whether bytes do not stay what they are. `head`: the first of them, PACKING_HEAD_BYTES where there are so many. */
  async changesBytes(formats: IncomingFormats, head: () => Promise<Uint8Array>): Promise<boolean> {
    return this.#isConverted(formats) || (this.#isUnpacked(formats) && packingOf(await head()) !== null)
  }

  /** The bytes of an image with these formats, as they come out. Throws ImageError, and what `body` throws. */
  apply(
    body: AsyncIterable<Uint8Array>,
    formats: IncomingFormats,
    limits: PassLimits,
  ): AsyncIterable<Uint8Array> {
    const { scratch, converter } = this.#components
    const { plugins, outputFormat: to } = this.#options
    let bytes = body
    for (const plugin of plugins) {
      if (plugin === 'image_decompression' && this.#isUnpacked(formats)) bytes = decompressed(bytes, scratch)
      if (plugin === 'image_conversion' && this.#isConverted(formats))
        bytes = converter.convert(bytes, { from: formats.diskFormat, to }, limits)
    }
    return bytes
  }

  #injectedBy({ roles }: Caller): Record<string, string> {
    const { plugins, inject, ignoreUserRoles } = this.#options
    const isInjecting = plugins.includes('inject_image_metadata')
    return isInjecting && !roles.some((role) => ignoreUserRoles.includes(role)) ? { ...inject } : {}
  }

  #isUnpacked({ containerFormat }: IncomingFormats): boolean {
    return this.#options.plugins.includes('image_decompression') && containerFormat !== PACKED_CONTAINER
  }

  #isConverted({ diskFormat }: IncomingFormats): boolean {
    const { plugins, outputFormat } = this.#options
    return plugins.includes('image_conversion') && diskFormat !== outputFormat
  }
}
