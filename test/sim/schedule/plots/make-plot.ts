/** The plot of a schedule, if it has one. */
import type { ScheduledEvent } from '../schedule.ts'
import type { SeededRandom } from '../../world/seeded-random.ts'
import { busyChange, forgottenEpoch, voteOfTheEpochBefore } from './change-plots.ts'
import type { Cast, PlotMaker } from './plot.ts'
import { lateVote, listedWhileRemoved, removedBeforeJoin, removedWhileGettingReady } from './removal-plots.ts'
import { lostVote, orphanedVote, seenBeforeChosen } from './vote-plots.ts'

/** The other schedules are left to chance alone. */
const PLOT_ODDS = 0.8
const BEGIN_MS_MAX = 500

const PLOTS: readonly PlotMaker[] = [
  orphanedVote,
  seenBeforeChosen,
  lostVote,
  lateVote,
  listedWhileRemoved,
  removedBeforeJoin,
  removedWhileGettingReady,
  busyChange,
  voteOfTheEpochBefore,
  forgottenEpoch,
]

/** A register of its own, and what happens to it. */
export function makePlot(random: SeededRandom, cast: Cast): { keys: string[]; events: ScheduledEvent[] } {
  const atMs = random.between(0, BEGIN_MS_MAX)
  const script = random.chance(PLOT_ODDS) ? random.pick(PLOTS)(random, cast, atMs) : null
  return script ? { keys: [script.key], events: script.events } : { keys: [], events: [] }
}
