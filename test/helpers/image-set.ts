/** Images that a probe has uploaded, and what must come back of them. */
import type { Test } from 'tap'
import type { ImageClient } from './image-client.ts'
import { type Digest, digestOf, patternImage } from './pattern-image.ts'

interface StoredImage {
  id: string
  wanted: Digest
}

export class ImageSet {
  readonly #images: StoredImage[] = []
  #seeds: number

  /** `firstSeed`: of the bytes; other seeds, other chunks. */
  constructor(firstSeed = 0) {
    this.#seeds = firstSeed
  }

  get size(): number {
    return this.#images.length
  }

  /** Uploads one image; it is in the set when the upload was acknowledged. Answers the status; null: no answer came. */
  async upload(client: ImageClient, sizeBytes: number): Promise<number | null> {
    const seed = this.#seeds++
    const id = await client.newImage()
    const reply = await client.put(id, patternImage(sizeBytes, seed)).catch(() => null)
    if (reply?.status === 204)
      this.#images.push({ id, wanted: await digestOf(patternImage(sizeBytes, seed)) })
    return reply?.status ?? null
  }

  /** Every image, byte by byte, from one node. */
  async assertServedBy(t: Test, client: ImageClient, what: string): Promise<void> {
    for (const { id, wanted } of this.#images) {
      const answer = await client.open('GET', `/v2/images/${id}/file`)
      const got = await digestOf(answer as AsyncIterable<Uint8Array>)
      if (answer.statusCode !== 200 || got.sha512 !== wanted.sha512)
        t.fail(`${what}: image ${id} came with status ${answer.statusCode}`, { got, wanted })
    }
    t.pass(`${what}: ${this.size} images are right`)
  }
}
