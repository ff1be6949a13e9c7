/** Writes images of a cluster to files or to a bucket, and checks the bytes against what the cluster says of them before they count. */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isHashAlgorithm, nodeNameOf } from '../../data/hash-algorithms.ts'
import { differences, isSameContent, type MovedImage } from '../../images/moved-image.ts'
import { NotAskedError } from '../cli-io.ts'
import type { ImagePlace, ImageSource } from './image-source.ts'
import type { MovingProgress } from './moving-progress.ts'
import type { MovedLine, Outcome } from './moving-report.ts'
import { StallGuard } from './stall-guard.ts'

/** A node that restarts, or an image that is healed, should end no run of hours. */
const TRIES_MAX = 6
const FIRST_PAUSE_MS = 500

export class ImageExport {
  readonly #source: ImageSource
  readonly #files: ImagePlace
  readonly #progress: MovingProgress

  readonly #firstPauseMs: number

  constructor(
    parts: { source: ImageSource; files: ImagePlace; progress: MovingProgress },
    { firstPauseMs } = { firstPauseMs: FIRST_PAUSE_MS },
  ) {
    this.#firstPauseMs = firstPauseMs
    this.#source = parts.source
    this.#files = parts.files
    this.#progress = parts.progress
  }

  /** Throws NotAskedError when no node answers any more. */
  async move(image: MovedImage): Promise<MovedLine> {
    let failure: unknown = null
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (tries > 0) await sleep(this.#firstPauseMs * 2 ** (tries - 1))
      try {
        return lineOf(image, await this.#write(image), '')
      } catch (error) {
        failure = error
      }
    }
    if (failure instanceof NotAskedError) throw failure
    return lineOf(image, 'failed', failure instanceof Error ? failure.message : String(failure))
  }

  async #write(image: MovedImage): Promise<Outcome> {
    // One that cannot be read is written anew.
    const before = await this.#files.read(image.id).catch(() => null)
    const isWhole =
      before !== null &&
      (!image.hasBytes || (isSameContent(before, image) && (await this.#files.hasBytes(image))))
    if (isWhole && differences(before, image).length === 0) return 'present'
    if (!isWhole && image.hasBytes) await this.#writeBytes(image)
    await this.#files.writeRecord(image)
    return 'moved'
  }

  async #writeBytes(image: MovedImage): Promise<void> {
    const guard = new StallGuard()
    try {
      await this.#files.writeBytes(image, this.#verified(image, guard))
    } finally {
      guard.end()
    }
  }

  /** The pieces of the image; throws at their end when they are not those that were told of. */
  async *#verified(image: MovedImage, guard: StallGuard): AsyncGenerator<Uint8Array> {
    const { size, checksum, hashAlgo, hashValue } = image
    const wanted = [
      ...(checksum === null ? [] : [{ hash: createHash('md5'), value: checksum }]),
      ...(hashAlgo === null
        ? []
        : [
            {
              hash: createHash(isHashAlgorithm(hashAlgo) ? nodeNameOf(hashAlgo) : hashAlgo),
              value: hashValue,
            },
          ]),
    ]
    let sizeBytes = 0
    for await (const piece of this.#source.open(image, guard.signal)) {
      guard.noteLife()
      for (const { hash } of wanted) hash.update(piece)
      sizeBytes += piece.length
      this.#progress.noteBytes(piece.length)
      // How long the other side takes is for that side to limit.
      guard.rest()
      yield piece
      guard.noteLife()
    }
    if (size !== null && sizeBytes !== size) throw new Error(`${sizeBytes} bytes came instead of ${size}`)
    if (wanted.some(({ hash, value }) => hash.digest('hex') !== value))
      throw new Error('other bytes came than the cluster says it has')
  }
}

function lineOf({ id, name, size }: MovedImage, outcome: Outcome, detail: string): MovedLine {
  return { id, name, size, outcome, detail, needsAttention: outcome === 'failed' }
}
