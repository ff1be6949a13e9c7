/** Plots about changes of the voters: what is under way when they begin and end (R10). */
import { CONFIG_KEY } from '../../../../cluster/register/config-register.ts'
import { coordinatorsOf } from '../../../../cluster/register/key-order.ts'
import { successors, type PlotMaker } from './plot.ts'
import { Script } from './script.ts'

/** When, after a change of the voters has begun, its rescan has mostly just been answered, ms. */
const FORGET_MS_MIN = 1050
const FORGET_MS_MAX = 1350

/** The register is changed all the time while the voters are. */
export const busyChange: PlotMaker = (random, cast, atMs) => {
  const to = successors(random, cast)
  if (!to) return null
  const script = new Script(random.pick(cast.voters), cast.voters)
  const changeMs = atMs + random.between(100, 200)
  script.ask(atMs, random.pick(cast.voters), 'mint')
  script.at(changeMs, { kind: 'set-voters', at: random.pick(cast.ids), voters: to })
  for (let client = 0; client < 3; client++) {
    const steps = Array.from({ length: 10 }, () => (random.chance(0.8) ? 'append' : 'read'))
    script.ask(changeMs + random.between(0, 40), random.pick(cast.ids), ...steps)
  }
  for (const lateMs of [300, 700]) script.ask(changeMs + lateMs, random.pick(to), 'read', 'append', 'list')
  return script
}

/**
 * A change is sent under the old epoch and comes under the joint one, when the registers were looked at and the new
 * voters have got theirs. Whoever leads the change is slow, so that there is time for it.
 */
export const voteOfTheEpochBefore: PlotMaker = (random, cast, atMs) => {
  const to = successors(random, cast)
  const [leader] = coordinatorsOf(CONFIG_KEY, cast.voters)
  const proposer = random.shuffled(cast.voters).find((voter) => voter !== leader)
  if (!to || leader === undefined || proposer === undefined) return null
  const script = new Script(proposer, cast.voters)
  const changeMs = atMs + random.between(200, 400)
  const appendMs = changeMs + random.between(-20, 20)
  const slowMs = random.between(15, 35)
  script.ask(atMs, proposer, 'mint')
  for (const peer of cast.ids.filter((id) => id !== leader))
    for (const [from, to] of [
      [leader, peer],
      [peer, leader],
    ] as const)
      script.at(changeMs - 25, { kind: 'hold', from, to, byMs: slowMs, forMs: 1500 })
  script.at(changeMs, { kind: 'set-voters', at: leader, voters: to })
  script.ask(appendMs, proposer, 'append')
  const others = cast.voters.filter((voter) => voter !== proposer)
  script.hold(appendMs, proposer, others, slowMs * random.between(6, 16), 20)
  for (const lateMs of [500, 900, 1400]) script.ask(changeMs + lateMs, random.pick(to), 'read', 'append')
  return script
}

/**
 * The voters change; one of the old ones hears of it only when it is over. Another answers the rescan, loses the epoch in a
 * power cut, and the two vote under the old one before the last step of the change reaches either (R10).
 */
export const forgottenEpoch: PlotMaker = (random, cast, atMs) => {
  const [leader] = coordinatorsOf(CONFIG_KEY, cast.voters)
  const [deaf, forgetful, ...more] = random.shuffled(cast.voters.filter((voter) => voter !== leader))
  const fresh = random.shuffled(cast.ids.filter((id) => !cast.voters.includes(id)))
  if (leader === undefined || deaf === undefined || forgetful === undefined) return null
  if (more.length > 0 || fresh.length === 0) return null
  const to = fresh.length === 2 ? [...fresh, leader] : fresh.slice(0, fresh.length >= 3 ? 3 : 1)
  const informed = [leader, ...fresh]
  const script = new Script(deaf, cast.voters)
  const changeMs = atMs + random.between(150, 250)
  const lossMs = changeMs + random.between(FORGET_MS_MIN, FORGET_MS_MAX)
  const holdMs = random.between(860, 950)
  script.ask(atMs, deaf, 'mint')
  for (const from of informed) {
    script.at(changeMs - 5, { kind: 'cut', from, to: deaf, forMs: lossMs + holdMs + 200 - changeMs })
    script.at(lossMs, { kind: 'hold', from, to: forgetful, byMs: holdMs, forMs: 800 })
  }
  script.at(changeMs, { kind: 'set-voters', at: leader, voters: to.sort() })
  script.at(lossMs, { kind: 'crash', node: forgetful, how: 'power', downMs: random.between(5, 20) })
  script.ask(lossMs + random.between(600, 750), deaf, 'append')
  for (const lateMs of [500, 900]) script.ask(lossMs + holdMs + lateMs, random.pick(to), 'read', 'append')
  return script
}
