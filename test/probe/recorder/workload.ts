/** The clients of a run: each asks its node one thing after the other, of the same few images as all the others. */
import { newImageId } from '../../../node/images/image-id.ts'
import type { SeededRandom } from '../../sim/world/seeded-random.ts'
import type { GlanceSession } from './glance-session.ts'
import type { History, RecordedInput, RecordedOp } from './history.ts'

/** So few that every request meets others on the same image. */
const IMAGES = 6
/** These live as long as the run: what is written before a fault is read after it. */
const UNDYING = 2
/** ms that a deleted image is still asked for before its place goes to a new one: it might come back. */
const MOURNING_MS = 3000
/** ms between an answer and the next request, at the most: leaves the processor to the nodes. */
const PAUSE_MS_MAX = 40
/** After no answer at all; else a dead node's clients would do nothing but knock. */
const PAUSE_UNREACHED_MS = 100

/** How often each request is made, of all. */
const MIX = { get: 0.4, mark: 0.2, swap: 0.22, create: 0.1, list: 0.07, delete: 0.01 }

export interface WorkloadComponents {
  history: History
  random: SeededRandom
  nowMs: () => number
  pause: (ms: number) => Promise<void>
}

interface Place {
  id: string
  /** The last one that anybody was shown. */
  token: string
  deletedMs: number | null
}

export class Workload {
  readonly #components: WorkloadComponents
  readonly #places: Place[]
  #unique = 0

  constructor(components: WorkloadComponents) {
    this.#components = components
    this.#places = Array.from({ length: IMAGES }, () => this.#newPlace())
  }

  /** One client of node `node`, until `signal` is aborted. */
  async client(node: number, session: GlanceSession, signal: AbortSignal): Promise<void> {
    const { random, pause } = this.#components
    while (!signal.aborted) {
      const { verdict } = await this.#ask(node, session, this.#choose())
      await pause(verdict === 'unreached' ? PAUSE_UNREACHED_MS : random.float() * PAUSE_MS_MAX)
    }
  }

  /** Asks every node for every image that was ever used, and for the list: nothing may be missing after the faults. */
  async readAll(sessions: readonly GlanceSession[]): Promise<void> {
    const used = this.#components.history.ops.flatMap(({ input }) =>
      input.kind === 'list' ? [] : [input.id],
    )
    for (const [node, session] of sessions.entries()) {
      for (const id of new Set(used)) await this.#ask(node, session, { kind: 'get', id })
      await this.#ask(node, session, { kind: 'list' })
    }
  }

  async #ask(node: number, session: GlanceSession, input: RecordedInput): Promise<RecordedOp> {
    const op = await this.#components.history.record(node, input, () => session.send(input))
    if (input.kind !== 'list') this.#note(op, input.id)
    return op
  }

  #choose(): RecordedInput {
    const { random } = this.#components
    const index = random.below(IMAGES)
    const { id, token } = this.#placeAt(index)
    let roll = random.float()
    const falls = (share: number) => (roll -= share) < 0
    if (falls(MIX.get)) return { kind: 'get', id }
    if (falls(MIX.mark)) return { kind: 'mark', id, mark: this.#newName() }
    if (falls(MIX.swap)) return { kind: 'swap', id, from: token, to: this.#newName() }
    if (falls(MIX.create))
      return { kind: 'create', id, state: { mark: this.#newName(), token: this.#newName() } }
    if (falls(MIX.list) || index < UNDYING) return { kind: 'list' }
    return { kind: 'delete', id }
  }

  #placeAt(index: number): Place {
    const place = this.#places[index]!
    const { deletedMs } = place
    if (deletedMs === null || this.#components.nowMs() - deletedMs < MOURNING_MS) return place
    return (this.#places[index] = this.#newPlace())
  }

  #note({ input, seen, verdict, end }: RecordedOp, id: string): void {
    const place = this.#places.find((candidate) => candidate.id === id)
    if (!place) return
    if (seen !== null) place.token = seen.token
    if (input.kind === 'delete' && verdict === 'ok') place.deletedMs ??= end
  }

  #newPlace(): Place {
    return { id: newImageId(this.#components.random), token: 'none', deletedMs: null }
  }

  #newName(): string {
    return String(++this.#unique)
  }
}
