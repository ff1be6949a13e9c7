/**
 * Image records as the registers would keep them, which the other simulation looks at: linearizable, under the production
 * operations; each node learns of changes late, or only when it asks.
 */
import { ClusterError } from '../../../cluster/errors.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { ImageError, type ImageErrorCode } from '../../../node/errors.ts'
import { imageOperations, type ImageOperationArgs } from '../../../node/images/image-operations.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import type { KnownRecord } from '../../../node/images/image-registers.ts'
import type { SeededRandom } from '../world/seeded-random.ts'
import type { SimHost } from '../world/sim-host.ts'
import type { SimWorld } from '../world/sim-world.ts'

interface Versioned extends KnownRecord {
  version: number
}

/** What a node's disk knows of the records. */
export type LearnedRecords = Map<string, Versioned>

/** One way to a majority and back takes two of these. */
const ROUND_MS_MIN = 0.5
const ROUND_MS_MAX = 8
/** A notice comes late, or not at all. */
const NOTICE_MS_MAX = 400
const NOTICE_LOST_ODDS = 0.15
/** Of operations: what takes effect, or not, without the caller being told. */
const UNKNOWN_ODDS = 0.02
const NO_QUORUM_ODDS = 0.02

/** All records there are. */
export class RecordAuthority {
  readonly records: LearnedRecords = new Map()
  readonly #notices: ((id: string, known: Versioned) => void)[] = []

  onChanged(listener: (id: string, known: Versioned) => void): void {
    this.#notices.push(listener)
  }

  decide<Name extends keyof ImageOperationArgs>(
    id: string,
    name: Name,
    args: ImageOperationArgs[Name],
  ): Versioned {
    const known = this.records.get(id) ?? null
    const decision = imageOperations[name]!(known && { live: known.live, record: known.record }, args)
    if (decision.kind === 'refuse')
      throw new ImageError(decision.refusal.code as ImageErrorCode, decision.refusal.message)
    if (decision.kind === 'keep') return known!
    const { live, record } = decision.next as { live: boolean; record: ImageRecord }
    const next = { live, record, version: (known?.version ?? 0) + 1 }
    this.records.set(id, next)
    for (const notify of this.#notices) notify(id, next)
    return next
  }
}

export interface NodeRecordsComponents {
  world: SimWorld
  host: SimHost
  random: SeededRandom
  authority: RecordAuthority
  learned: LearnedRecords
}

/** The records as one life of a node sees them. */
export class NodeRecords {
  readonly id: NodeId
  readonly #components: NodeRecordsComponents
  /** Nothing goes wrong any more. */
  isPeaceful = false
  onLearned: (id: string) => void = () => {}

  constructor(components: NodeRecordsComponents) {
    this.id = components.host.id
    this.#components = components
    const { authority, world, random, host } = components
    authority.onChanged((id, known) => {
      if (!host.alive || random.chance(NOTICE_LOST_ODDS)) return
      world.after(random.float() * NOTICE_MS_MAX, () => host.run(() => this.#learn(id, known)))
    })
  }

  async apply<Name extends keyof ImageOperationArgs>(
    id: string,
    name: Name,
    args: ImageOperationArgs[Name],
  ): Promise<ImageRecord> {
    const { authority, random } = this.#components
    const chance = this.isPeaceful ? 1 : random.float()
    const known = await this.#round(() => {
      if (chance < NO_QUORUM_ODDS) throw new ClusterError('NO_QUORUM', 'no majority')
      const isLost = chance < NO_QUORUM_ODDS + UNKNOWN_ODDS
      if (!isLost || random.chance(0.5)) {
        const next = authority.decide(id, name, args)
        if (!isLost) return next
      }
      throw new ClusterError('OUTCOME_UNKNOWN', 'it may have been made')
    })
    this.#learn(id, known)
    return known.record
  }

  async freshen(): Promise<void> {
    const { authority, random } = this.#components
    const isAway = !this.isPeaceful && random.chance(NO_QUORUM_ODDS)
    const all = await this.#round(() => {
      if (isAway) throw new ClusterError('NO_QUORUM', 'no majority')
      return [...authority.records]
    })
    for (const [id, known] of all) this.#learn(id, known)
  }

  local(id: string): KnownRecord | null {
    return this.#components.learned.get(id) ?? null
  }

  ids(): string[] {
    return [...this.#components.learned.keys()]
  }

  *liveImages(): Generator<ImageRecord> {
    for (const { live, record } of this.#components.learned.values()) if (live) yield record
  }

  #learn(id: string, known: Versioned): void {
    const { learned } = this.#components
    if ((learned.get(id)?.version ?? 0) >= known.version) return
    learned.set(id, known)
    this.onLearned(id)
  }

  /** `decide` runs at the majority, whatever becomes of this node meanwhile. */
  #round<T>(decide: () => T): Promise<T> {
    const { world, host, random } = this.#components
    const wayMs = () => random.between(ROUND_MS_MIN, ROUND_MS_MAX)
    return new Promise((resolve, reject) => {
      world.after(wayMs(), () => {
        const settle = attempt(decide, resolve, reject)
        world.after(wayMs(), () => host.run(settle))
      })
    })
  }
}

function attempt<T>(decide: () => T, resolve: (value: T) => void, reject: (error: Error) => void) {
  try {
    const value = decide()
    return () => resolve(value)
  } catch (error) {
    return () => reject(error as Error)
  }
}
