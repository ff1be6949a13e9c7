/**
 * Images as JSON text, as `imageText` shows them. Lists show the same images again and again, and to render a page of
 * 100 takes longer than all the rest of the request: the texts that were used last are kept.
 */
import type { ImageRecord } from '../../node/images/image-record.ts'
import type { ImagePage, ShownLocations } from '../../node/images/image-requests.ts'
import type { StoreList } from '../../node/images/store-list.ts'
import { imageText, pageLinks, withLocations } from './image-v2.ts'

/** Where the bytes are, as far as the caller may know: not the same for all, so it is put to what is kept. */
export type ShownTo = (image: ImageRecord) => ShownLocations

/** Characters kept in each of two generations: some 2000 images of ordinary size. */
const KEPT_LENGTH_MAX = 2 * 1024 * 1024

export class ImageJson {
  readonly #stores: Pick<StoreList, 'of'>
  /** Records never change, so the record itself is the key. */
  #young = new Map<ImageRecord, string>()
  #youngLength = 0
  /** What was not used since the young ones were begun goes with the next generation. */
  #old = new Map<ImageRecord, string>()

  constructor(stores: Pick<StoreList, 'of'>) {
    this.#stores = stores
  }

  image(image: ImageRecord, shown: ShownTo): string {
    return withLocations(this.#text(image), shown(image))
  }

  #text(image: ImageRecord): string {
    const kept = this.#young.get(image)
    if (kept !== undefined) return kept
    const text = this.#old.get(image) ?? imageText(image, this.#stores.of(image))
    this.#keep(image, text)
    return text
  }

  /** A page of images with its links. */
  page(page: ImagePage, query: URLSearchParams, shown: ShownTo): string {
    const images = page.images.map((image) => this.image(image, shown)).join(',')
    const rest = JSON.stringify(pageLinks(page, query))
    return `{"images":[${images}],${rest.slice(1)}`
  }

  #keep(image: ImageRecord, text: string): void {
    if (this.#youngLength + text.length > KEPT_LENGTH_MAX) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngLength = 0
    }
    this.#young.set(image, text)
    this.#youngLength += text.length
  }
}
