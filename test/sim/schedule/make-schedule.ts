/** The schedule of a seed: how bad the world is, what the clients ask for, and when what breaks. */
import { RECORD_PREFIX } from '../cluster/record-index.ts'
import { PEACE } from '../world/sim-network.ts'
import { SeededRandom } from '../world/seeded-random.ts'
import { makeFault } from './make-faults.ts'
import { makeChanges } from './make-changes.ts'
import { makePlot } from './plots/make-plot.ts'
import type { ClientStep, Schedule, ScheduledEvent, StepKind } from './schedule.ts'

const CHAOS_MS_MIN = 2000
const CHAOS_MS_MAX = 3500
/** Voters and further nodes, and how often. Five voters cost twice as much as three and rarely show more. */
const SIZES: readonly (readonly [size: readonly [voters: number, others: number], weight: number])[] = [
  [[1, 0], 2],
  [[1, 2], 3],
  [[3, 0], 4],
  [[3, 1], 6],
  [[3, 2], 4],
  [[5, 0], 1],
  [[5, 1], 1],
]
const KEYS_MIN = 2
const KEYS_MAX = 5
const SESSIONS_MIN = 16
const SESSIONS_MAX = 36
const STEPS_MAX = 4
/** Short change logs: followers find them trimmed. */
const LOG_ENTRIES = [8, 30, 200]
/** Of schedules without a plot, how many let the cluster come up in peace. */
const RISE_ODDS = 0.5
/** Of schedules with a plot, how many have nothing else in them: some plots come to nothing when anything disturbs them. */
const ALONE_ODDS = 0.25
const WALL_SKEW_MS_MAX = 3_600_000

/** How often clients ask for what. Lists cost a read of every key. */
const STEP_WEIGHTS: readonly (readonly [StepKind, number])[] = [
  ['create', 14],
  ['append', 26],
  ['swap', 8],
  ['touch', 6],
  ['delete', 6],
  ['collect', 5],
  ['read', 32],
  ['list', 9],
]

export function makeSchedule(seed: number): Schedule {
  const random = new SeededRandom(seed).fork('schedule')
  const [voterCount, others] = pickWeighted(random, SIZES)
  const ids = Array.from({ length: voterCount + others }, (_, i) => `node-${i}`)
  const keys = Array.from(
    { length: KEYS_MIN + random.below(KEYS_MAX - KEYS_MIN + 1) },
    (_, i) => `${RECORD_PREFIX}${i}`,
  )
  // Squared: most seeds are calm enough for something to get done, some are furious.
  const fury = random.float() ** 2
  const base = {
    seed,
    ids,
    voters: ids.slice(0, voterCount),
    keys,
    network: makeNetwork(random, fury),
    clocks: Object.fromEntries(ids.map((id) => [id, makeClock(random)])),
    changeLogEntriesMax: random.pick(LOG_ENTRIES),
    chaosMs: random.between(CHAOS_MS_MIN, CHAOS_MS_MAX),
  }
  const plot = makePlot(random.fork('plot'), base)
  const isPlotted = plot.events.length > 0
  const risesFirst = isPlotted || random.chance(RISE_ODDS)
  const isPlotAlone = isPlotted && random.chance(ALONE_ODDS)
  const sessions = makeSessions(random.fork('sessions'), base)
  const faults = makeFaults(random.fork('faults'), base, fury)
  const changes = makeChanges(random.fork('membership'), base)
  const events = [...plot.events, ...(isPlotAlone ? [] : [...sessions, ...faults, ...changes])]
  return {
    ...base,
    ...(isPlotAlone && { network: PEACE }),
    risesFirst,
    keys: [...keys, ...plot.keys],
    events: events.sort((a, b) => a.atMs - b.atMs),
  }
}

function makeNetwork(random: SeededRandom, fury: number): Schedule['network'] {
  return {
    loss: random.float() * 0.15 * fury,
    duplication: random.float() * 0.1 * fury,
    delayMsMin: 0.2,
    delayMsMax: 1 + random.float() * 20 * fury,
    straggling: random.float() * 0.08 * fury,
  }
}

function makeClock(random: SeededRandom) {
  return { wallSkewMs: random.between(-WALL_SKEW_MS_MAX, WALL_SKEW_MS_MAX), rate: random.between(0.8, 1.25) }
}

type Base = Pick<Schedule, 'ids' | 'voters' | 'keys' | 'chaosMs'>

function makeSessions(random: SeededRandom, { ids, keys, chaosMs }: Base): ScheduledEvent[] {
  const count = SESSIONS_MIN + random.below(SESSIONS_MAX - SESSIONS_MIN)
  let nextId = 1
  return Array.from({ length: count }, () => {
    const key = random.pick(keys)
    const steps = Array.from({ length: 1 + random.below(STEPS_MAX) }, (): ClientStep => ({
      kind: pickWeighted(random, STEP_WEIGHTS),
      node: random.pick(ids),
      key,
      id: nextId++,
    }))
    return { atMs: random.float() * chaosMs, kind: 'session', steps }
  })
}

function makeFaults(random: SeededRandom, base: Base, fury: number): ScheduledEvent[] {
  const everyMs = 1200 - 900 * fury
  const events: ScheduledEvent[] = []
  for (let atMs = 200 + random.float() * everyMs; atMs < base.chaosMs; atMs += 2 * random.float() * everyMs)
    events.push({ atMs, ...makeFault(random, base.ids) })
  return events
}

export function pickWeighted<T>(random: SeededRandom, weights: readonly (readonly [T, number])[]): T {
  let roll = random.float() * weights.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [item, weight] of weights) {
    roll -= weight
    if (roll < 0) return item
  }
  throw new RangeError('no weights were given')
}
