import t from 'tap'
import type { Database } from '../../../node/store/database.ts'
import { Quarantine } from '../../../node/store/quarantine.ts'

const [first, second, third] = ['01', '02', '03'].map((byte) => byte.repeat(32)) as [string, string, string]
const row = { location: null, foundMs: 1, reason: 'bytes' as const }

/** Only the rows that a batch names are looked at here. */
const database = {} as Database

t.test('the oldest row makes room when there are too many', async (t) => {
  const quarantine = new Quarantine(database, { rowsMax: 2 })
  for (const hash of [first, second, first]) quarantine.add(hash, row)
  t.strictSame(quarantine.hashes(), [second, first], 'found again: young again')
  const operations = quarantine.add(third, row)
  t.strictSame(
    operations.map(({ type, key }) => [type, key.toString('hex', 1)]),
    [
      ['put', third],
      ['del', second],
    ],
  )
  t.strictSame(quarantine.counts, { found: 4, healed: 0, quarantined: 2 })
})

t.test('only what was damaged is healed', async (t) => {
  const quarantine = new Quarantine(database)
  quarantine.add(first, row)
  t.strictSame(quarantine.heal(second), [])
  t.equal(quarantine.heal(first).length, 1)
  t.strictSame(quarantine.heal(first), [])
  t.strictSame(quarantine.counts, { found: 1, healed: 1, quarantined: 0 })
})
