/**
 * What happened lately, as this node saw it, for operators: a bounded ring in memory, of which a restart of the node begins a
 * new one, and for each of them a line in the log that has its kind as `event`.
 */
import { ClusterError } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { CheckCode } from './check-codes.ts'
import { isCheckCode, type EventKind } from './event-kinds.ts'

export interface EventNote {
  kind: EventKind | CheckCode
  severity: 'good' | 'info' | 'warning' | 'critical'
  /** Node id or image id it is about, or null for the cluster. */
  who: string | null
  text: string
}

export interface ClusterEvent extends Omit<EventNote, 'kind'> {
  /** One of those above, or of a newer release. */
  kind: string
  /** ISO time of the first, by the clock of the node that saw it. */
  at: string
  /** How often within a minute: the like of it is one event. */
  count: number
}

/** Some days of a cluster in trouble, some 100 KiB. */
const EVENTS_MAX = 500
/** The like of an event within this time only counts. */
const SAME_EVENT_MS = 60_000
const LEVELS = { good: 'info', info: 'info', warning: 'warn', critical: 'error' } as const
const SEVERITIES = ['good', 'info', 'warning', 'critical']

interface Kept {
  note: EventNote
  atMs: number
  lastMs: number
  count: number
}

export class EventLog {
  readonly #clock: Pick<Clock, 'wallMs'>
  readonly #log: Log
  /** The oldest first. */
  readonly #events: Kept[] = []

  constructor(clock: Pick<Clock, 'wallMs'>, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** `fields` are for the log alone. */
  note(note: EventNote, fields: Readonly<Record<string, unknown>> = {}): void {
    const nowMs = this.#clock.wallMs()
    const same = this.#events.findLast((kept) => isLike(kept.note, note))
    if (same && Math.abs(nowMs - same.lastMs) < SAME_EVENT_MS) {
      same.lastMs = nowMs
      same.count++
      return
    }
    this.#write(note, fields)
    this.#events.push({ note, atMs: nowMs, lastMs: nowMs, count: 1 })
    if (this.#events.length > EVENTS_MAX) this.#events.shift()
  }

  #write({ kind, severity, who, text }: EventNote, fields: Readonly<Record<string, unknown>>): void {
    const check = isCheckCode(kind) ? kind : undefined
    const event = check ? (severity === 'good' ? 'CHECK_CLEARED' : 'CHECK_RAISED') : kind
    this.#log[LEVELS[severity]]({ event, ...(check && { check }), severity, who, ...fields }, text)
  }

  /** The newest first. */
  latest(limit: number): ClusterEvent[] {
    return this.#events
      .slice(-limit)
      .toReversed()
      .map(({ note, atMs, count }) => ({ ...note, at: new Date(atMs).toISOString(), count }))
  }
}

/** What a check says has numbers in it, which differ each time that it begins anew while much is found and healed. */
function isLike(a: EventNote, b: EventNote): boolean {
  if (a.kind !== b.kind || a.who !== b.who) return false
  return isCheckCode(a.kind) ? a.severity === b.severity : a.text === b.text
}

export interface SeenEvent extends ClusterEvent {
  /** The nodes that saw it. */
  seenBy: NodeId[]
}

/** What several nodes saw of the same thing at about the same time is one event; the newest first. */
export function mergeEvents(
  byNode: ReadonlyMap<NodeId, readonly ClusterEvent[]>,
  limit: number,
): SeenEvent[] {
  const all = [...byNode].flatMap(([node, events]) => events.map((event) => ({ ...event, seenBy: [node] })))
  const merged: SeenEvent[] = []
  const latest = new Map<string, (typeof all)[number]>()
  for (const event of all.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))) {
    const name = `${event.kind} ${event.who ?? ''} ${event.text}`
    const same = latest.get(name)
    const isNew = same?.seenBy.includes(event.seenBy[0]!) === false
    if (same && isNew && Date.parse(same.at) - Date.parse(event.at) < SAME_EVENT_MS) {
      same.seenBy.push(...event.seenBy)
      continue
    }
    latest.set(name, event)
    merged.push(event)
  }
  return merged.slice(0, limit)
}

/** Throws BAD_FRAME. */
export function decodeEvents(value: unknown): ClusterEvent[] {
  if (!Array.isArray(value) || value.length > EVENTS_MAX || !value.every(isEvent))
    throw new ClusterError('BAD_FRAME', 'the events of a node are malformed')
  return value
}

function isEvent(value: unknown): value is ClusterEvent {
  const { kind, severity, who, text, at, count } = (value ?? {}) as Partial<ClusterEvent>
  return (
    [kind, text].every((each) => typeof each === 'string') &&
    (who === null || typeof who === 'string') &&
    SEVERITIES.includes(severity ?? '') &&
    typeof at === 'string' &&
    Number.isFinite(Date.parse(at)) &&
    Number.isInteger(count)
  )
}
