/** The simulation must catch the bugs that it is there for: a checker that lets one live proves nothing. */
import t from 'tap'
import { brokenParts } from './broken-parts.ts'
import { isLinearizable } from './linearizability.ts'
import type { Variant } from './register-cluster.ts'
import { counterModel, recordHistory } from './register-history.ts'

/** A bug that so many histories do not show counts as not caught. */
const SEEDS_MAX = 100

/** The first seed whose history no right register could have given, or null. */
async function caughtBy(variant: Variant): Promise<number | null> {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const { ops } = await recordHistory(seed, variant)
    if (!isLinearizable(ops, counterModel)) return seed
  }
  return null
}

for (const [name, variant] of Object.entries(brokenParts)) {
  t.test(name, async (t) => {
    const seed = await caughtBy(variant)
    t.not(seed, null, seed === null ? 'it was not caught' : `caught by seed ${seed}`)
  })
}
