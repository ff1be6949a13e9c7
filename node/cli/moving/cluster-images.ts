/** The images of a cluster as its operator port takes and gives them. */
import type { Arrival, MovedImagesPage } from '../../images/image-mover.ts'
import type { MovedImage } from '../../images/moved-image.ts'
import type { OperatorClient } from '../operator-client.ts'
import type { ImageSource, SourceList } from './image-source.ts'
import { StallGuard } from './stall-guard.ts'

export type Comparison = Arrival | { state: 'absent' }

/** Thrown when the side that the bytes come from broke off: what the node made of it does not matter. */
export class SourceBrokeError extends Error {}

const IMPORT = '/v1/import/images'
const EXPORT = '/v1/export/images'

export class ClusterImages implements ImageSource {
  readonly name: string
  readonly #client: OperatorClient

  constructor(client: OperatorClient) {
    this.#client = client
    this.name = client.url
  }

  arrive(image: MovedImage, overwrite: boolean): Promise<Arrival> {
    const path = `${IMPORT}/${image.id}${overwrite ? '?overwrite=true' : ''}`
    return this.#client.send('PUT', path, image) as Promise<Arrival>
  }

  compare(image: MovedImage): Promise<Comparison> {
    return this.#client.send('POST', `${IMPORT}/${image.id}/compare`, image) as Promise<Comparison>
  }

  /** Throws SourceBrokeError, OperatorError, NotAskedError. `onBytes` is told of each piece that was sent. */
  async sendBytes(
    id: string,
    open: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
    onBytes: (count: number) => void,
  ): Promise<void> {
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

  async *open({ id }: MovedImage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* await this.#client.receiveStream(`${EXPORT}/${id}/file`, signal)
  }
}
