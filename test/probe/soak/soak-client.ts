/** One client of the soak: uploads, reads and deletes images of its own, on any node, and judges every answer. */
import { sleep, systemClock } from '../../../cluster/runtime.ts'
import { describe, type ImageClient, type Reply } from '../../helpers/image-client.ts'
import { digestOf } from '../../helpers/pattern-image.ts'
import type { SeededRandom } from '../../sim/world/seeded-random.ts'
import type { OverlappingImage, OverlappingImages } from './overlapping-images.ts'

export interface SoakClientComponents {
  clients: readonly ImageClient[]
  random: SeededRandom
  images: OverlappingImages
  /** No more work is to be begun. */
  isOver: () => boolean
}

/** An image whose upload was answered with 204, and which nobody has deleted. */
export interface LiveImage {
  id: string
  image: OverlappingImage
}

/** What was done, by name. */
export type SoakCounts = Record<string, number>

const LIVE_MAX = 6
/** A 503 is an answer, as long as it ends: no majority, a node that is too busy. */
const UNAVAILABLE_LIMIT_MS = 60_000
const UNAVAILABLE_PAUSE_MS = 200
/** An upload of one short chunk takes some 20 ms, one of 12 MiB some 200 on a busy machine. */
const MOMENT_MS_MAX = 150
/** Odds of what an upload meets. */
const HANG_UP_ODDS = 0.1
const DELETED_UNDER_WAY_ODDS = 0.1

export class SoakClient {
  readonly live: LiveImage[] = []
  readonly counts: SoakCounts = {}
  /** One sentence for each wrong answer. */
  readonly wrong: string[] = []
  readonly #components: SoakClientComponents

  constructor(components: SoakClientComponents) {
    this.#components = components
  }

  /** Works until it is over. */
  async run(): Promise<void> {
    const { random, isOver } = this.#components
    while (!isOver()) {
      const choice = random.float()
      if (this.live.length === 0 || (choice < 0.45 && this.live.length < LIVE_MAX)) await this.#upload()
      else if (choice < 0.7) await this.read(random.pick(this.live))
      else await this.#remove(random.below(this.live.length))
    }
  }

  /** Reads the image from any node until the answer is no 503, and compares it. */
  async read({ id, image }: LiveImage): Promise<void> {
    await this.#finally(`reading ${id}`, async () => {
      const answer = await this.#anyClient().open('GET', `/v2/images/${id}/file`)
      const { sizeBytes, sha512 } = await digestOf(answer as AsyncIterable<Uint8Array>)
      const { statusCode = 0 } = answer
      if (statusCode === 503) return null
      this.#count('reads')
      const isRight = statusCode === 200 && sizeBytes === image.sizeBytes && sha512 === image.sha512
      if (!isRight) this.wrong.push(`${id}: ${statusCode} with ${sizeBytes} of ${image.sizeBytes} bytes`)
      return true
    })
  }

  async #upload(): Promise<void> {
    const { random, images } = this.#components
    const image = images.next()
    const id = await this.#create()
    if (random.chance(HANG_UP_ODDS)) return this.#hangUp(id, image)
    const sending = this.#anyClient().put(id, Buffer.concat(image.pieces))
    if (random.chance(DELETED_UNDER_WAY_ODDS)) return this.#removeUnderWay(id, sending)
    const reply = await sending
    if (reply.status === 204) {
      this.#count('uploads')
      this.live.push({ id, image })
      return
    }
    if (reply.status !== 503) this.wrong.push(`upload of ${id}: ${describe(reply)}`)
    this.#count('uploads refused with 503')
    await this.#expect(`deleting ${id}`, [204], () => this.#anyClient().remove(id))
  }

  /** In mid-body, or before the answer. */
  async #hangUp(id: string, { pieces, sizeBytes }: OverlappingImage): Promise<void> {
    const part = Buffer.concat(pieces).subarray(0, this.#components.random.below(sizeBytes + 1))
    const upload = this.#anyClient().upload(
      id,
      (async function* () {
        yield part
        await new Promise(() => {})
      })(),
      { 'content-length': Math.max(1, sizeBytes) },
    )
    const answered = upload.answer.catch(() => null)
    await sleep(systemClock, this.#components.random.below(MOMENT_MS_MAX))
    upload.destroy()
    await answered
    this.#count('hang-ups')
    await this.#expect(`deleting ${id}`, [204], () => this.#anyClient().remove(id))
  }

  async #removeUnderWay(id: string, sending: Promise<Reply>): Promise<void> {
    await sleep(systemClock, this.#components.random.below(MOMENT_MS_MAX))
    await this.#expect(`deleting ${id}`, [204], () => this.#anyClient().remove(id))
    const { status } = await sending
    if (![204, 404, 410, 503].includes(status)) this.wrong.push(`upload of ${id}, deleted: ${status}`)
    this.#count(status === 204 ? 'deleted just after the end' : 'deleted under way')
  }

  async #remove(index: number): Promise<void> {
    const [{ id }] = this.live.splice(index, 1) as [LiveImage]
    await this.#expect(`deleting ${id}`, [204], () => this.#anyClient().remove(id))
    this.#count('deletes')
  }

  async #create(): Promise<string> {
    const reply = await this.#expect('creating', [201], () => this.#anyClient().create())
    return (JSON.parse(reply.body.toString()) as { id: string }).id
  }

  /** Asks until the answer is no 503; notes one that has none of the `statuses`. */
  async #expect(what: string, statuses: readonly number[], ask: () => Promise<Reply>): Promise<Reply> {
    const { result: reply, isRepeated } = await this.#finally(what, async () => {
      const answer = await ask()
      return answer.status === 503 ? null : answer
    })
    // A change that was answered with 503 may have been made all the same.
    const isRight = statuses.includes(reply.status) || (isRepeated && [404, 409].includes(reply.status))
    if (!isRight) this.wrong.push(`${what}: ${describe(reply)}`)
    return reply
  }

  /** `attempt` gives null for a 503, which may come, but must end. */
  async #finally<T>(
    what: string,
    attempt: () => Promise<T | null>,
  ): Promise<{ result: T; isRepeated: boolean }> {
    const endMs = systemClock.monotonicMs() + UNAVAILABLE_LIMIT_MS
    for (let isRepeated = false; ; isRepeated = true) {
      const result = await attempt()
      if (result !== null) return { result, isRepeated }
      this.#count(`503 (${what.split(' ')[0]})`)
      if (systemClock.monotonicMs() > endMs)
        throw new Error(`${what}: 503 for ${UNAVAILABLE_LIMIT_MS / 1000} s`)
      await sleep(systemClock, UNAVAILABLE_PAUSE_MS)
    }
  }

  #anyClient(): ImageClient {
    const { clients, random } = this.#components
    return random.pick(clients)
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }
}
