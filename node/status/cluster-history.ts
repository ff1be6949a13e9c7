/** What all nodes noted lately, gathered with a deadline: events, and how full their disks were. Mutes are set here, too. */
import type { ConfigView } from '../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import { decodeSamples, type CapacitySample, type CapacityTrend } from './capacity-trend.ts'
import { decodeEvents, mergeEvents, type EventLog, type SeenEvent } from './event-log.ts'
import type { Mute, Mutes } from './mutes.ts'
import type { StatusQuestions } from './status-questions.ts'
import type { Check } from './status-types.ts'

export interface EventsDocument {
  /** The newest first. */
  events: SeenEvent[]
  /** Nodes that did not answer: what they alone saw is not among it. */
  silent: NodeId[]
  as_of: string
}

export interface CapacityDocument {
  /** `samples` null: the node did not answer. */
  nodes: { id: NodeId; samples: CapacitySample[] | null }[]
  as_of: string
}

export interface MuteRequest {
  code: string
  who: string | null
  /** Null: it is muted no more. */
  seconds: number | null
  reason: string
}

export interface ClusterHistoryComponents {
  clock: Clock
  config: ConfigView
  questions: StatusQuestions
  events: EventLog
  trend: Pick<CapacityTrend, 'samples'>
  mutes: Mutes
  /** The checks that hold now. */
  checks: () => Promise<readonly Check[]>
}

export class ClusterHistory {
  readonly #components: ClusterHistoryComponents

  constructor(components: ClusterHistoryComponents) {
    this.#components = components
    const { questions, events, trend } = components
    questions.on('events', async (limit) => events.latest(typeof limit === 'number' ? limit : 0))
    questions.on('capacity', async () => [...trend.samples])
  }

  async events(limit: number): Promise<EventsDocument> {
    const answers = await this.#components.questions.askAll(
      this.#nodes(),
      'events',
      decodeEvents,
      () => limit,
    )
    const silent = this.#nodes().filter((id) => !answers.has(id))
    return { events: mergeEvents(answers, limit), silent, as_of: this.#now() }
  }

  async capacity(): Promise<CapacityDocument> {
    const answers = await this.#components.questions.askAll(this.#nodes(), 'capacity', decodeSamples)
    const nodes = this.#nodes().map((id) => ({ id, samples: answers.get(id) ?? null }))
    return { nodes, as_of: this.#now() }
  }

  /** Throws NOT_FOUND when the check does not hold, CONFLICT when it is critical: nobody may mute a loss. */
  async mute({ code, who, seconds, reason }: MuteRequest): Promise<Mute | null> {
    const { mutes, events, checks } = this.#components
    if (seconds !== null) {
      const check = (await checks()).find((each) => each.code === code && each.who === who)
      if (!check) throw new ImageError('NOT_FOUND', `There is no check ${code} of that subject now.`)
      if (check.severity === 'critical')
        throw new ImageError('CONFLICT', `${code} is critical, and what is critical cannot be muted.`)
    }
    const mute = mutes.set({ code, who }, seconds, reason)
    const text = mute
      ? `An operator has muted ${code} until ${mute.until}.`
      : `${code} is not muted any more.`
    events.note({ kind: 'MUTED', severity: 'info', who, text }, { check: code, seconds, reason })
    return mute
  }

  #nodes(): NodeId[] {
    return this.#components.config.current().nodes.map(({ id }) => id)
  }

  #now(): string {
    return new Date(this.#components.clock.wallMs()).toISOString()
  }
}
