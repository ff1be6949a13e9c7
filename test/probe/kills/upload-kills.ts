/**
 * kill -9 at random moments of uploads: of the node that a client talks to, of another one, of two. What was answered with
 * 204 stays as it was sent; every other image is queued again, or active with the right bytes when only the answer was
 * lost; none stays `saving`.
 */
import { sleep, systemClock } from '../../../cluster/runtime.ts'
import type { DevCluster } from '../../../deploy/dev/dev-cluster.ts'
import { waitFor } from '../../../deploy/dev/wait-for.ts'
import type { ImageClient } from '../../helpers/image-client.ts'
import { digestOf } from '../../helpers/pattern-image.ts'
import type { SeededRandom } from '../../sim/world/seeded-random.ts'
import { allReady, awaitRest, damageFound, lookWithin } from '../soak/inspection.ts'
import { OverlappingImages, type OverlappingImage } from '../soak/overlapping-images.ts'

export interface UploadKillsComponents {
  cluster: { dev: DevCluster; clients: readonly ImageClient[] }
  random: SeededRandom
  signal: AbortSignal
}

/** Who is killed: the entry node of the uploads, one node or two beside it, or it and one of those. */
export const KILL_KINDS = ['entry', 'holder', 'two holders', 'entry and holder'] as const
export type KillKind = (typeof KILL_KINDS)[number]

interface Attempt {
  id: string
  image: OverlappingImage
  /** Of the answer; null: the connection broke before it. */
  status: number | null
}

/** What became of the uploads of one kill. */
export interface KillRound {
  kind: KillKind
  acknowledged: number
  /** Not acknowledged; queued afterwards. */
  queued: number
  /** Active all the same: only the answer was lost, or its outcome unknown. */
  activeUnanswered: number
  wrong: string[]
}

/** At once, through one node. */
const UPLOADS_PER_KILL = 4
/** A kill comes before the first byte, under way, or after the answers. */
const MOMENT_MS_MAX = 800
/** How long the victims are away. */
const AWAY_MS_MAX = 1500
/** No promise, only the end of waiting for what never comes. */
const STATE_LIMIT_MS = 120_000

export class UploadKills {
  readonly #components: UploadKillsComponents
  readonly #images: OverlappingImages
  readonly #kept: Attempt[] = []

  constructor(components: UploadKillsComponents) {
    this.#components = components
    this.#images = new OverlappingImages(components.random.fork('images'))
  }

  /** One kill, and what came of the uploads. */
  async round(kind: KillKind): Promise<KillRound> {
    const { cluster, random } = this.#components
    const entry = random.below(cluster.dev.nodes.length)
    const attempts = await this.#uploadUnderKill(entry, this.#victims(kind, entry))
    const result: KillRound = { kind, acknowledged: 0, queued: 0, activeUnanswered: 0, wrong: [] }
    for (const attempt of attempts) {
      const isAcknowledged = attempt.status === 204
      const status = await this.#settledStatus(attempt.id)
      if (isAcknowledged) result.acknowledged++
      else if (status === 'queued') result.queued++
      else if (status === 'active') result.activeUnanswered++
      const isRight = isAcknowledged ? status === 'active' : status === 'active' || status === 'queued'
      if (!isRight) result.wrong.push(`${attempt.id}: answered ${attempt.status}, now ${status}`)
      if (status === 'queued') result.wrong.push(...(await this.#repeat(attempt)))
      result.wrong.push(...(await this.#compare(attempt)))
    }
    this.#kept.push(...attempts)
    await this.#removeOld()
    return result
  }

  /** All that was kept is still right on every node, and no node has anything else. */
  async inspect(): Promise<string[]> {
    const { dev } = this.#components.cluster
    const images = this.#kept.map(({ image }) => image)
    const wrong = await awaitRest(dev, images)
    for (const attempt of this.#kept) wrong.push(...(await this.#compare(attempt)))
    return [...wrong, ...(await damageFound(dev)), ...(await lookWithin(dev, images))]
  }

  async #uploadUnderKill(entry: number, victims: readonly number[]): Promise<Attempt[]> {
    const { cluster, random, signal } = this.#components
    const { dev } = cluster
    const made: { id: string; image: OverlappingImage }[] = []
    for (let count = 0; count < UPLOADS_PER_KILL; count++)
      made.push({ id: await this.#client(entry).newImage(), image: this.#images.next() })
    const answers = made.map(async ({ id, image }) => {
      const answer = this.#client(entry).put(id, Buffer.concat(image.pieces))
      const status = await answer.then((reply) => reply.status).catch(() => null)
      return { id, image, status }
    })
    await sleep(systemClock, random.float() * MOMENT_MS_MAX, signal)
    await Promise.all(victims.map((victim) => dev.node(victim).process.kill()))
    await sleep(systemClock, random.float() * AWAY_MS_MAX, signal)
    await Promise.all(victims.map((victim) => dev.start(victim)))
    const waited = new AbortController()
    const limit = sleep(systemClock, STATE_LIMIT_MS, AbortSignal.any([signal, waited.signal]))
    const attempts = await Promise.race([Promise.all(answers), limit])
    waited.abort(new Error('all were answered'))
    if (!attempts) throw new Error(`an upload was not answered within ${STATE_LIMIT_MS / 1000} s`)
    await allReady(dev)
    return attempts
  }

  #victims(kind: KillKind, entry: number): number[] {
    const { cluster, random } = this.#components
    const others = random.shuffled(cluster.dev.nodes.map(({ index }) => index).filter((at) => at !== entry))
    switch (kind) {
      case 'entry':
        return [entry]
      case 'holder':
        return others.slice(0, 1)
      case 'two holders':
        return others.slice(0, 2)
      case 'entry and holder':
        return [entry, ...others.slice(0, 1)]
    }
  }

  /** What the image comes to when it is left alone: `saving` must end. */
  async #settledStatus(id: string): Promise<string> {
    let status = 'unknown'
    await waitFor(
      async () => {
        const shown = await this.#anyClient()
          .show(id)
          .catch(() => null)
        status = shown?.status ?? 'unknown'
        return status !== 'saving' && status !== 'unknown'
      },
      { limitMs: STATE_LIMIT_MS, signal: this.#components.signal },
    )
    return status
  }

  async #repeat({ id, image }: Attempt): Promise<string[]> {
    const { status } = await this.#anyClient().put(id, Buffer.concat(image.pieces))
    return status === 204 ? [] : [`${id}: the repeated upload answered ${status}`]
  }

  /** With what every node delivers. */
  async #compare({ id, image }: Attempt): Promise<string[]> {
    const wrong: string[] = []
    for (const [node, client] of this.#components.cluster.clients.entries()) {
      const answer = await client.open('GET', `/v2/images/${id}/file`)
      const { sizeBytes, sha512 } = await digestOf(answer as AsyncIterable<Uint8Array>)
      if (answer.statusCode === 200 && sha512 === image.sha512) continue
      wrong.push(
        `${id} from node ${node}: ${answer.statusCode} with ${sizeBytes} of ${image.sizeBytes} bytes`,
      )
    }
    return wrong
  }

  /** Half of what there is goes, so that the chunks of images that stay are wanted by fewer each time. */
  async #removeOld(): Promise<void> {
    for (const { id } of this.#kept.splice(0, Math.floor(this.#kept.length / 2))) {
      const { status } = await this.#anyClient().remove(id)
      if (status !== 204) throw new Error(`deleting ${id} answered ${status}`)
    }
  }

  #client(index: number): ImageClient {
    return this.#components.cluster.clients[index]!
  }

  #anyClient(): ImageClient {
    return this.#components.random.pick(this.#components.cluster.clients)
  }
}

/** The sum of some rounds, one line a kind. */
export function reportKills(rounds: readonly KillRound[]): string[] {
  return KILL_KINDS.map((kind) => {
    const own = rounds.filter((round) => round.kind === kind)
    const sum = (of: (round: KillRound) => number) => own.reduce((total, round) => total + of(round), 0)
    return (
      `${kind}: ${own.length} kills; ${sum((round) => round.acknowledged)} uploads acknowledged, ` +
      `${sum((round) => round.queued)} queued again, ${sum((round) => round.activeUnanswered)} active without an answer`
    )
  })
}

/** `uploads` of them, a few for each kill, the kinds in turn. Ends with the first that is wrong. */
export async function killDuringUploads(
  kills: UploadKills,
  uploads: number,
): Promise<{ rounds: KillRound[]; wrong: string[] }> {
  const rounds: KillRound[] = []
  for (let done = 0; done < uploads; done += UPLOADS_PER_KILL) {
    const round = await kills.round(KILL_KINDS[rounds.length % KILL_KINDS.length]!)
    rounds.push(round)
    if (round.wrong.length > 0) return { rounds, wrong: round.wrong }
  }
  return { rounds, wrong: await kills.inspect() }
}
