/** Some seeds of the data path, and its bugs; `npm run test:sim -- --data --seeds N` runs more, `--mutants` looks for seeds. */
import t from 'tap'
import { raceChunks } from './chunk-races.ts'
import { findDataMutant } from './data-mutants.ts'
import { runData } from './data-run.ts'

const SEEDS = [1]
const RACE_SEEDS = [1, 2, 9]

t.test('no seed shows a violation', async (t) => {
  for (const seed of SEEDS) {
    const { violations, counts } = await runData(seed)
    t.strictSame(violations, [], `seed ${seed}`)
    t.ok((counts['uploads'] ?? 0) > 5, `seed ${seed}: ${counts['uploads']} uploads`)
  }
})

t.test('a chunk that is claimed, removed, rewritten and read at once', async (t) => {
  for (const seed of RACE_SEEDS) t.strictSame((await raceChunks(seed)).violations, [], `seed ${seed}`)
})

t.test('a seed is the same each time', async (t) => {
  t.strictSame(await raceChunks(1), await raceChunks(1))
})

/** By a seed that shows it. */
for (const [name, run, seed] of [
  ['delete racing pin', raceChunks, 1],
  ['have without reading', raceChunks, 1],
  ['reader against segment rewrite', raceChunks, 9],
  ['pin ended by time', runData, 6],
] as const) {
  t.test(`${name} is caught`, async (t) => {
    const { violations } = await run(seed, findDataMutant(name).variant)
    t.ok(violations.length > 0)
  })
}
