/** The images of a cluster as its operator port takes and gives them. */
import type { Arrival, MovedImagesPage } from '../../images/image-mover.ts'
import type { MovedImage } from '../../images/moved-image.ts'
import type { AdoptionState } from '../../imports/store-adopter.ts'
import type { OperatorClient } from '../operator-client.ts'
import { BytesMissingError, type ImageSource, type SourceList } from './image-source.ts'
import { StallGuard } from './stall-guard.ts'

export type Comparison = Arrival | { state: 'absent' }

/** Thrown when the side that the bytes come from broke off: what the node made of it does not matter. */
export class SourceBrokeError extends Error {}

const IMPORT = '/v1/import/images'
const EXPORT = '/v1/export/images'

export class ClusterImages implements ImageSource {
  readonly name: string
  readonly #client: OperatorClient
  readonly #adopted: readonly string[]

  /** `adopted`: stores of the cluster that have the bytes of what arrives, so that none are sent. */
  constructor(client: OperatorClient, adopted: readonly string[] = []) {
    this.#client = client
    this.#adopted = adopted
    this.name = client.url
  }

  /** `onVerified` is told of bytes that were read where they lie. */
  async arrive(
    image: MovedImage,
    overwrite: boolean,
    onVerified: (count: number) => void = () => {},
  ): Promise<Arrival> {
    const path = this.#path(image.id, overwrite ? { overwrite: 'true' } : {})
    let isBegun = false
    for (let toldBytes = 0; ;) {
      const found = (await this.#client.send('PUT', path, image)) as AdoptionState
      if (found.state !== 'verifying') {
        // Its end may have been told to somebody else.
        return found.state === 'complete' && isBegun ? { ...found, isChanged: true } : found
      }
      isBegun = true
      onVerified(Math.max(0, found.doneBytes - toldBytes))
      toldBytes = Math.max(toldBytes, found.doneBytes)
    }
  }

  compare(image: MovedImage): Promise<Comparison> {
    return this.#client.send('POST', this.#path(`${image.id}/compare`), image) as Promise<Comparison>
  }

  /** Throws SourceBrokeError, OperatorError, NotAskedError. `onBytes` is told of each piece that was sent. */
  async sendBytes(
    id: string,
    open: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
    onBytes: (count: number) => void,
  ): Promise<void> {
    if (this.#adopted.length > 0) throw neverSent()
    const guard = new StallGuard()
    let broken: Error | null = null
    async function* body() {
      try {
        for await (const piece of open(guard.signal)) {
          guard.noteLife()
          yield piece
          onBytes(piece.length)
        }
        guard.noteLife()
      } catch (error) {
        broken = error as Error
        throw error
      }
    }
    try {
      await this.#client.sendStream(`${IMPORT}/${id}/file`, body(), guard.signal)
    } catch (error) {
      // oxlint-disable-next-line typescript/no-unnecessary-condition -- the generator sets it
      if (broken && !guard.signal.aborted)
        throw new SourceBrokeError((broken as Error).message, { cause: broken })
      throw error
    } finally {
      guard.end()
    }
  }

  async list(): Promise<SourceList> {
    const images: MovedImage[] = []
    const unfinished: string[] = []
    for (let marker: string | null = ''; marker !== null;) {
      const path: string = marker === '' ? EXPORT : `${EXPORT}?marker=${marker}`
      const page = (await this.#client.send('GET', path)) as MovedImagesPage
      images.push(...page.images)
      unfinished.push(...page.unfinished)
      marker = page.marker
    }
    const why = 'is being uploaded; export it when that is over'
    return { images, leftOut: unfinished.map((id) => ({ id, name: null, why, isLoss: true })) }
  }

  #path(rest: string, query: Record<string, string> = {}): string {
    const stores = this.#adopted.length > 0 && { stores: this.#adopted.join() }
    const search = new URLSearchParams({ ...query, ...stores }).toString()
    return `${IMPORT}/${rest}${search === '' ? '' : `?${search}`}`
  }

  async *open({ id }: MovedImage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* await this.#client.receiveStream(`${EXPORT}/${id}/file`, signal)
  }
}

function neverSent(): SourceBrokeError {
  const message = 'a node of an older release took its record alone: upgrade all nodes, and start again'
  return new SourceBrokeError(message, { cause: new BytesMissingError(message) })
}
