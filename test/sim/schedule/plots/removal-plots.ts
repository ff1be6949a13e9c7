/** Plots about registers that are removed, and what comes after. */
import type { NodeId } from '../../../../cluster/network/rpc-port.ts'
import { deal, successors, type PlotMaker } from './plot.ts'
import { Script } from './script.ts'

/** What was sent to one voter when the register was made comes when the register is no more (R9). */
export const lateVote: PlotMaker = (random, { ids, voters }, atMs) => {
  const dealt = deal(random, voters)
  if (!dealt) return null
  const [proposer, late] = dealt
  const script = new Script(proposer, voters)
  const lateMs = random.between(700, 1500)
  script.ask(atMs, proposer, 'mint')
  script.hold(atMs, proposer, [late], lateMs, 60)
  script.ask(atMs + 120, random.pick(ids), 'delete', 'collect', 'collect', 'collect')
  script.ask(atMs + lateMs + 100, random.pick(ids), 'read', 'list')
  script.ask(atMs + lateMs + 250, random.pick(ids), 'list', 'create', 'read')
  return script
}

/** A coordinator that cannot be reached for so long, ms, is passed over by whoever asked it (R7)... */
const CUT_OFF_MS = 590
/** ... who proposes at once from here on, the majority being found again, and for so long, ms. */
const PASSED_OVER_FROM_MS = 1450
const PASSED_OVER_FOR_MS = 1000

/**
 * A lone voter lists while a register is removed. Another node has proposed the deletion, so that the voter has its own vote of
 * it and no more (R9, R12).
 */
export const listedWhileRemoved: PlotMaker = (random, { ids, voters }, atMs) => {
  const [voter, ...more] = voters
  const others = ids.filter((id) => id !== voter)
  if (voter === undefined || more.length > 0 || others.length === 0) return null
  const other = random.pick(others)
  const script = new Script(voter, voters)
  script.cut(atMs, other, [voter], CUT_OFF_MS)
  script.ask(atMs, other, 'create')
  for (let sinceMs = 0; sinceMs < PASSED_OVER_FOR_MS; sinceMs += 200) {
    const turnMs = atMs + PASSED_OVER_FROM_MS + sinceMs
    script.ask(turnMs, voter, 'create', 'append')
    script.ask(turnMs + 100, other, 'delete', 'collect')
    // By then it is removed, or about to be.
    script.ask(turnMs + 100 + random.between(11, 21), voter, 'list')
  }
  return script
}

/** A register is removed, new voters come, and it is made again: above all that was there before (R9, R10). */
export const removedBeforeJoin: PlotMaker = (random, cast, atMs) => {
  const to = successors(random, cast)
  const joiner = to?.find((voter) => !cast.voters.includes(voter))
  if (!to || joiner === undefined) return null
  const script = new Script(joiner, to)
  const changeMs = atMs + random.between(300, 600)
  const againMs = changeMs + random.between(300, 1900)
  const steps = ['create', 'append', 'append', 'delete', 'collect', 'collect', 'collect'] as const
  script.ask(atMs, random.pick(cast.voters), ...steps)
  if (random.chance(0.5)) {
    // They know the register, and hear of its removal neither then nor from the logs of each other.
    const side = cast.ids.filter((id) => !cast.voters.includes(id))
    const awayMs = atMs + random.between(20, 60)
    script.at(awayMs, { kind: 'partition', side, forMs: changeMs - awayMs - 50, swizzled: false })
  }
  script.at(changeMs, { kind: 'set-voters', at: random.pick(cast.ids), voters: to })
  // It begins with low ballots again: what it has seen of others' is forgotten with the process.
  const downMs = random.between(20, 60)
  if (random.chance(0.5))
    script.at(againMs - downMs - random.between(100, 300), {
      kind: 'crash',
      node: joiner,
      how: 'process',
      downMs,
    })
  for (const lateMs of [0, 400]) {
    script.ask(againMs + lateMs, joiner, 'create', 'list')
    script.ask(againMs + lateMs + 100, random.pick(cast.ids), 'list', 'read')
    script.ask(againMs + lateMs - 100, random.pick(cast.ids), 'list')
  }
  return script
}

/** A register is removed while those that will vote have looked already whether their rows are stale (R9). */
export const removedWhileGettingReady: PlotMaker = (random, cast, atMs) => {
  const to = successors(random, cast)
  const joiners = to?.filter((voter) => !cast.voters.includes(voter)) ?? []
  const [joiner] = joiners
  if (!to || joiner === undefined) return null
  const [driver, other = driver] = random.shuffled(cast.voters) as [NodeId, ...NodeId[]]
  const script = new Script(other, cast.voters)
  const changeMs = atMs + random.between(300, 600)
  script.ask(atMs, other, 'create', 'append')
  script.at(changeMs, { kind: 'set-voters', at: driver, voters: to })
  // The change begins late, and the joiners are not told of the removal.
  const lookedMs = changeMs + random.between(20, 180)
  const deafMs = random.between(50, 400)
  for (const id of cast.voters) {
    script.cut(lookedMs, id, joiners, deafMs)
    if (id !== driver) script.hold(lookedMs, driver, [id], random.between(100, 900), 100)
  }
  script.ask(lookedMs + 5, other, 'delete', 'collect', 'collect', 'collect')
  for (const lateMs of [1500, 2500]) script.ask(changeMs + lateMs, joiner, 'list', 'read', 'create', 'list')
  return script
}
