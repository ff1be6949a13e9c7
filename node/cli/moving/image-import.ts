/**
 * Moves images into a cluster. What is there is asked of the cluster for each image, so that a run which was broken off, at
 * whatever moment, is simply begun anew; and an image counts as moved only when the cluster itself says that it is complete.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Arrival } from '../../images/image-mover.ts'
import type { MovedImage } from '../../images/moved-image.ts'
import { shownUrl } from '../../outbound/outbound-http.ts'
import { NotAskedError } from '../cli-io.ts'
import { OperatorError } from '../operator-client.ts'
import { SourceBrokeError, type ClusterImages } from './cluster-images.ts'
import { BytesMissingError, type ImageSource } from './image-source.ts'
import type { MovingProgress } from './moving-progress.ts'
import type { MovedLine, Outcome } from './moving-report.ts'

export interface ImportOptions {
  /** Take what the source says of images that are there with the same bytes. */
  overwrite: boolean
  /** Only compare. */
  dryRun: boolean
}

/** Thrown when the cluster refuses the bytes for what they are. */
class WrongBytesError extends Error {}

interface Ending {
  outcome: Outcome
  detail: string
}

const BAD_REQUEST = 400
/** Of a record that cannot be taken, an image or a cluster without room. 409 and 410: it is asked what there is. */
const FINAL_STATUSES = new Set([BAD_REQUEST, 401, 403, 404, 413, 415])
/** A node that restarts or a majority that is lost for a moment should end no run of hours. */
const TRIES_MAX = 6
const FIRST_PAUSE_MS = 500
/** After the end of a run its last uploads are given back within seconds; after that of a node, within a minute. */
const BUSY_LIMIT_MS = 150_000
const BUSY_PAUSE_MS = 1000

export class ImageImport {
  readonly #source: ImageSource
  readonly #cluster: Pick<ClusterImages, 'arrive' | 'compare' | 'sendBytes'>
  readonly #progress: MovingProgress
  readonly #options: ImportOptions

  constructor(
    parts: {
      source: ImageSource
      cluster: Pick<ClusterImages, 'arrive' | 'compare' | 'sendBytes'>
      progress: MovingProgress
    },
    options: ImportOptions,
  ) {
    this.#source = parts.source
    this.#cluster = parts.cluster
    this.#progress = parts.progress
    this.#options = options
  }

  /** Throws NotAskedError when no node answers any more: then no other image can be moved either. */
  async move(image: MovedImage): Promise<MovedLine> {
    const ending = await (this.#options.dryRun ? this.#compare(image) : this.#move(image))
    const { id, name, size } = image
    const needsAttention = ending.outcome === 'differs' || ending.outcome === 'failed'
    return { id, name, size, ...ending, needsAttention }
  }

  async #compare(image: MovedImage): Promise<Ending> {
    const found = await this.#cluster.compare(image).catch((error: unknown) => {
      // Its bytes are not where they were said to be.
      if (error instanceof OperatorError) return error
      throw error
    })
    if (found instanceof OperatorError) return { outcome: 'failed', detail: found.message }
    if (found.state === 'absent' || found.state === 'bytes-wanted') return { outcome: 'to-move', detail: '' }
    return endingOf(found, 'present')
  }

  async #move(image: MovedImage): Promise<Ending> {
    let failure: unknown = null
    let outcome: Outcome = 'present'
    let isDamaged = false
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (tries > 0) await sleep(FIRST_PAUSE_MS * 2 ** (tries - 1))
      try {
        const found = await this.#arrive(image)
        if (found.state !== 'bytes-wanted') return this.#end(image, found, outcome)
        outcome = 'moved'
        await this.#sendBytes(image)
        return this.#end(image, await this.#arrive(image), outcome)
      } catch (error) {
        failure = error
        if (isFinal(error) || (isDamaged && error instanceof WrongBytesError)) break
        isDamaged ||= error instanceof WrongBytesError
      }
    }
    if (failure instanceof NotAskedError) throw failure
    return { outcome: 'failed', detail: failure instanceof Error ? failure.message : String(failure) }
  }

  /** Waits for the end of what another run, or this one before, has begun. */
  async #arrive(image: MovedImage): Promise<Arrival> {
    const onVerified = (count: number) => this.#progress.noteVerified(count)
    for (let waitedMs = 0; ; waitedMs += BUSY_PAUSE_MS) {
      const found = await this.#cluster.arrive(image, this.#options.overwrite, onVerified)
      if (found.state !== 'busy' || waitedMs >= BUSY_LIMIT_MS) return found
      await sleep(BUSY_PAUSE_MS)
    }
  }

  async #sendBytes(image: MovedImage): Promise<void> {
    const open = (signal: AbortSignal) => this.#source.open(image, signal)
    try {
      await this.#cluster.sendBytes(image.id, open, (count) => this.#progress.noteBytes(count))
    } catch (error) {
      throw error instanceof OperatorError && error.status === BAD_REQUEST
        ? new WrongBytesError(error.message, { cause: error })
        : error
    }
  }

  #end({ locations, hasBytes, status }: MovedImage, found: Arrival, outcome: Outcome): Ending {
    const ending = endingOf(found, outcome)
    if (ending.detail !== '' || hasBytes || status === 'queued') return ending
    const [place] = locations
    return { ...ending, detail: `its bytes stay at ${shownUrl(place?.url ?? '')}` }
  }
}

function endingOf(found: Arrival, outcome: Outcome): Ending {
  switch (found.state) {
    case 'complete':
      return { outcome: found.isChanged ? 'moved' : outcome, detail: '' }
    case 'differs':
      return { outcome: 'differs', detail: `it is here, with another ${found.differences.join(', ')}` }
    case 'taken':
      return { outcome: 'differs', detail: `its id is that of an image which is ${found.status} here` }
    case 'busy':
      return { outcome: 'failed', detail: 'another run is sending its bytes' }
    case 'bytes-wanted':
      return { outcome: 'failed', detail: 'its bytes have not arrived' }
  }
}

/** What no further try will change. Bytes that were wrong may have been damaged on their way, once. */
function isFinal(error: unknown): boolean {
  if (error instanceof SourceBrokeError) return error.cause instanceof BytesMissingError
  return error instanceof OperatorError && FINAL_STATUSES.has(error.status)
}
