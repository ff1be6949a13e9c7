/** Clients that download all the while something else goes on, and compare. */
import type { ImageClient } from './image-client.ts'
import { Meter } from './pattern-image.ts'

/** One connection of each: they begin with another image each, and take them in turn. */
const DOWNLOADERS = 4

export class SteadyDownloads {
  done = 0
  /** What came instead of the right bytes. */
  readonly failed: string[] = []
  readonly #over = new AbortController()
  readonly #lanes: Promise<unknown>

  /** `images`: SHA-512 in hex by the ids of the images. */
  constructor(clients: readonly ImageClient[], images: ReadonlyMap<string, string>) {
    const all = [...images]
    const lane = async (number: number) => {
      for (let at = number; !this.#over.signal.aborted; at += DOWNLOADERS) {
        const [id, sha512] = all[at % all.length]!
        const found = await downloaded(clients[at % clients.length]!, id).catch(String)
        if (found === `200 ${sha512}`) this.done++
        else this.failed.push(`${id}: ${found}`)
      }
    }
    this.#lanes = Promise.all(Array.from({ length: DOWNLOADERS }, (_, number) => lane(number)))
  }

  /** Resolves when the last one has ended. */
  async end(): Promise<void> {
    this.#over.abort()
    await this.#lanes
  }
}

/** Status and SHA-512 of what a client gets. */
export async function downloaded(client: ImageClient, id: string): Promise<string> {
  const answer = await client.open('GET', `/v2/images/${id}/file`)
  const meter = new Meter()
  for await (const _ of meter.count(answer)) continue
  return `${answer.statusCode} ${meter.result().sha512}`
}
