/**
 * One of three voters is lost at any moment, again and again, while clients of the two others read and write without a
 * pause: no strong read may fail, and writes must go on. How long they stand still is measured and shown.
 */
import { sleep, systemClock } from '../../../cluster/runtime.ts'
import { coordinatorsOf } from '../../../cluster/register/key-order.ts'
import { waitFor } from '../../../deploy/dev/wait-for.ts'
import { fetchStatus } from '../../../node/cli/status.ts'
import { imageKey } from '../../../node/images/image-operations.ts'
import { newImageId } from '../../../node/images/image-id.ts'
import type { SeededRandom } from '../../sim/world/seeded-random.ts'
import type { RecordedInput } from './history.ts'
import { NODES, type RecordedCluster } from './recorded-cluster.ts'
import { SteadyLane } from './steady-lane.ts'

export type Loss = 'kill' | 'hang'

export interface KillRunComponents {
  cluster: RecordedCluster
  random: SeededRandom
  signal: AbortSignal
}

/** What one loss did to the clients of the other nodes. */
export interface LossResult {
  loss: Loss
  victim: number
  /** The longest time in which a writer had no success: while the node was away, and from its return on. */
  gapAwayMs: number
  gapReturnMs: number
  /** Reads that were not answered with 200 and fresh. */
  failedReads: string[]
  /** Writes that were not answered with 200. */
  failedWrites: string[]
}

/** A loss comes at any moment of this time after all clients are at work. */
const MOMENT_MS_MAX = 400
/** Longer than the liveness limit (2 s), so that a hung node is suspected before it comes back. */
const AWAY_MS: Readonly<Record<Loss, number>> = { kill: 1000, hang: 3500 }
/** Clients go on for this long after the node is back. */
const BACK_MS = 1000
/** No promise, only the end of waiting for what never comes. */
const STATE_LIMIT_MS = 60_000

export class KillRun {
  readonly #components: KillRunComponents
  /** One for each voter to coordinate (R7): whoever is lost, it was the coordinator of something. */
  #ids: string[] = []
  #mark = 0

  constructor(components: KillRunComponents) {
    this.#components = components
  }

  /** Makes the images that are read and written. */
  async prepare(): Promise<void> {
    const { cluster } = this.#components
    const { nodes } = await fetchStatus(cluster.dev.node(0).operatorUrl)
    const voters = nodes.map(({ id }) => id)
    this.#ids = voters.map((voter) => this.#idCoordinatedBy(voter, voters))
    for (const id of this.#ids) {
      const { status } = await this.#send(0, { kind: 'create', id, state: { mark: '', token: '' } })
      if (status !== 201) throw new Error(`creating an image answered ${status}`)
    }
  }

  /** One loss, from the first request to the last. Throws when writes do not go on. */
  async lose(loss: Loss): Promise<LossResult> {
    const { cluster, random, signal } = this.#components
    const victim = random.below(NODES)
    const others = cluster.dev.nodes.map(({ index }) => index).filter((index) => index !== victim)
    const readers = others.map((node) => this.#reader(node))
    const writers = others.flatMap((node) => this.#ids.map((id) => this.#writer(node, id)))
    const stopped = new AbortController()
    const running = [...readers, ...writers].map((lane) => lane.run(stopped.signal))
    try {
      await this.#allSucceed([...readers, ...writers])
      await sleep(systemClock, random.float() * MOMENT_MS_MAX, signal)
      const lostMs = nowMs()
      await this.#take(loss, victim)
      await this.#allSucceed(writers)
      await sleep(systemClock, Math.max(0, lostMs + AWAY_MS[loss] - nowMs()), signal)
      const backMs = nowMs()
      await this.#giveBack(loss, victim)
      await cluster.allReady(STATE_LIMIT_MS, signal)
      await sleep(systemClock, BACK_MS, signal)
      await this.#allSucceed(writers)
      const longest = (fromMs: number, toMs: number) =>
        Math.max(...writers.map((writer) => writer.longestGapMs(fromMs, toMs)))
      return {
        loss,
        victim,
        gapAwayMs: longest(lostMs, backMs),
        gapReturnMs: longest(backMs, nowMs()),
        failedReads: readers.flatMap((lane) => failuresOf(lane, lostMs)),
        failedWrites: writers.flatMap((lane) => failuresOf(lane, lostMs)),
      }
    } finally {
      stopped.abort()
      await Promise.all(running)
    }
  }

  #take(loss: Loss, victim: number): Promise<void> {
    const { process } = this.#components.cluster.dev.node(victim)
    return loss === 'kill' ? process.kill() : process.pause()
  }

  #giveBack(loss: Loss, victim: number): Promise<void> {
    const { dev } = this.#components.cluster
    return loss === 'kill' ? dev.start(victim) : dev.node(victim).process.resume()
  }

  /** Waits until each has had an answer of success to a request that it began from now on. */
  async #allSucceed(lanes: readonly SteadyLane[]): Promise<void> {
    const sinceMs = nowMs()
    const succeed = async () => lanes.every((lane) => lane.hasSucceededSince(sinceMs))
    if (await waitFor(succeed, { limitMs: STATE_LIMIT_MS, signal: this.#components.signal })) return
    const stuck = lanes.filter((lane) => !lane.hasSucceededSince(sinceMs))
    throw new Error(`no success within ${STATE_LIMIT_MS / 1000} s: ${stuck.map(describeLane).join('; ')}`)
  }

  #reader(node: number): SteadyLane {
    const id = this.#ids[0]!
    return this.#lane(`read by node ${node}`, node, () => ({ kind: 'get', id }))
  }

  #writer(node: number, id: string): SteadyLane {
    const place = this.#ids.indexOf(id)
    return this.#lane(`write of image ${place} by node ${node}`, node, () => ({
      kind: 'mark',
      id,
      mark: String(++this.#mark),
    }))
  }

  #lane(name: string, node: number, next: () => RecordedInput): SteadyLane {
    return new SteadyLane(name, { nowMs, pause: (ms) => sleep(systemClock, ms) }, async () => {
      const { verdict, status, note } = await this.#send(node, next())
      return verdict === 'ok' && status === 200 ? null : `${verdict} ${status ?? ''} ${note ?? ''}`
    })
  }

  #send(node: number, input: RecordedInput) {
    return this.#components.cluster.sessions[node]!.send(input)
  }

  #idCoordinatedBy(voter: string, voters: readonly string[]): string {
    for (;;) {
      const id = newImageId(this.#components.random)
      if (coordinatorsOf(imageKey(id), voters)[0] === voter) return id
    }
  }
}

function nowMs(): number {
  return systemClock.monotonicMs()
}

function failuresOf({ name, failures }: SteadyLane, sinceMs: number): string[] {
  return failures.map(({ atMs, what }) => `${name}, ${Math.round(atMs - sinceMs)} ms after the loss: ${what}`)
}

function describeLane({ name, failures }: SteadyLane): string {
  return `${name} (last: ${failures.at(-1)?.what ?? 'no answer'})`
}
