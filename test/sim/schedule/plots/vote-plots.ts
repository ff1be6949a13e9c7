/** Plots about votes that one node has and the others do not, or had and lost. */
import type { SeededRandom } from '../../world/seeded-random.ts'
import { deal, type PlotMaker } from './plot.ts'
import { Script } from './script.ts'

/**
 * A change reaches its proposer's own vote alone. The proposer lists; then it is away, and what the others say counts. A
 * list that shows the change must make sure that it is chosen (R12).
 */
export const orphanedVote: PlotMaker = (random, { voters }, atMs) => {
  const dealt = deal(random, voters)
  if (!dealt) return null
  const [proposer, ...others] = dealt
  const script = new Script(proposer, voters)
  const appendMs = atMs + random.between(150, 300)
  const listMs = appendMs + random.between(60, 500)
  const awayMs = listMs + random.between(60, 150)
  if (random.chance(0.7)) {
    script.ask(atMs, proposer, 'mint')
    script.ask(appendMs, proposer, 'append')
  } else script.ask(appendMs, proposer, 'mint')
  script.cut(appendMs, proposer, others, listMs - appendMs - 1)
  script.ask(listMs, proposer, 'list')
  script.at(awayMs, {
    kind: 'partition',
    side: [proposer],
    forMs: random.between(800, 1500),
    swizzled: false,
  })
  script.ask(awayMs + random.between(20, 200), random.pick(others), 'read', 'append', 'list')
  return script
}

/**
 * A vote is seen at its proposer, by a voter that lists, before it is chosen; it is chosen later, by a voter that the other
 * does not hear of. The list after that must find it where it was seen before (R11).
 */
export const seenBeforeChosen: PlotMaker = (random, { voters }, atMs) => {
  const dealt = deal(random, voters)
  const [proposer, reader, ...others] = dealt ?? []
  if (proposer === undefined || reader === undefined || others.length !== 1) return null
  const script = new Script(proposer, voters)
  const appendMs = atMs + random.between(200, 300)
  const chosenMs = appendMs + random.between(250, 400)
  // It follows another, so that it is sent for acceptance at once.
  script.ask(atMs, proposer, 'mint')
  script.ask(appendMs, proposer, 'append')
  script.cut(appendMs, proposer, [reader], 12)
  for (const other of others) {
    script.hold(appendMs, proposer, [other], chosenMs - appendMs, 12)
    script.at(chosenMs - 5, { kind: 'cut', from: other, to: reader, forMs: 1500 })
  }
  script.ask(appendMs + random.between(30, 120), reader, 'list')
  script.at(chosenMs - 5, { kind: 'cut', from: proposer, to: reader, forMs: random.between(40, 80) })
  script.ask(chosenMs + random.between(100, 300), reader, 'list', 'read')
  return script
}

/**
 * The majority moves over a voter that loses its vote on the way: first some of the others are away, then the rest of
 * them. What only the first majority knew, the second knows through that voter alone (R1, R8).
 */
export const lostVote: PlotMaker = (random, { voters }, atMs) => {
  const dealt = deal(random, voters)
  if (!dealt) return null
  const [victim, first, ...others] = dealt
  const half = (voters.length - 1) / 2
  const present = [first, ...others.slice(0, half - 1)]
  const away = others.slice(half - 1)
  const script = new Script(first, voters)
  const awayMs = atMs + random.between(100, 300)
  const turnMs = awayMs + random.between(300, 900)
  const soonMs = random.between(20, 100)
  script.ask(atMs, first, 'mint')
  script.at(awayMs, { kind: 'partition', side: away, forMs: turnMs - awayMs, swizzled: false })
  script.ask(awayMs + 50, first, 'append', 'append')
  script.at(turnMs - soonMs, loss(random, victim, script.key, soonMs))
  script.at(turnMs, {
    kind: 'partition',
    side: present,
    forMs: random.between(1000, 2000),
    swizzled: false,
  })
  for (const lateMs of [250, 500, 900]) script.ask(turnMs + lateMs, random.pick(away), 'read', 'append')
  return script
}

function loss(random: SeededRandom, node: string, key: string, soonMs: number) {
  const kind = random.pick(['lose-disk', 'flip-bit', 'lose-vote-row'] as const)
  return kind === 'lose-disk' ? { kind, node, downMs: soonMs } : { kind, node, restartMs: soonMs, key }
}
