import t from 'tap'
import { valueDigest } from '../../../cluster/register/register-value.ts'
import { RowAudit, type Suspect } from '../../../cluster/register/row-audit.ts'
import type { LearnerRow } from '../../../cluster/register/storage.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { ballotOf, bytesOf, callOf, configOf, VoterSet, wordsIn } from './register-fixture.ts'

const KEYS = ['thing/0', 'thing/1', 'thing/2']
const KEY = KEYS[1]!
const { signal } = new AbortController()

/** Three voters that agree about three registers, and `d`, which only learns; no cursor will ever look back. */
async function agreeing(keys: readonly string[] = KEYS) {
  const set = new VoterSet(['a', 'b', 'c', 'd'], { config: configOf(['a', 'b', 'c']) })
  for (const key of keys) await set.proposer('a').execute(key, callOf('create', key), null)
  await settled()
  for (const id of ['a', 'b', 'c', 'd']) await set.catchUp(id).freshen()
  return set
}

function auditAt(set: VoterSet, id: string): RowAudit {
  return new RowAudit({ ...set.parts(id), reader: set.reader(id) })
}

/** All pages of all sources. */
async function suspectsOf(audit: RowAudit): Promise<Suspect[]> {
  const suspects: Suspect[] = []
  for (const source of audit.sources())
    for (let afterKey: string | null = ''; afterKey !== null;) {
      const page = await audit.page(source, afterKey, signal)
      suspects.push(...page.suspects)
      afterKey = page.afterKey
    }
  return suspects
}

function rowOf(counter: number, word: string): LearnerRow {
  const value = bytesOf([word])
  return { ballot: ballotOf(counter), value, digest: valueDigest(value), settled: true }
}

t.test(
  'nodes that agree have nothing to mend, and catch-up alone never looks at old rows again',
  async (t) => {
    const set = await agreeing()
    t.strictSame(auditAt(set, 'a').sources(), ['a', 'b', 'c'])
    t.strictSame(auditAt(set, 'd').sources(), ['d', 'a', 'b', 'c'])
    for (const id of ['a', 'd']) t.strictSame(await suspectsOf(auditAt(set, id)), [])
    set.disk('d').learners.delete(KEY)
    await set.catchUp('d').freshen()
    t.equal(set.storage('d').learned(KEY), null)
  },
)

for (const id of ['b', 'd'])
  t.test(`at ${id}: a row that is older, gone or another under its ballot becomes right`, async (t) => {
    const set = await agreeing()
    const audit = auditAt(set, id)
    const { learners } = set.disk(id)
    const right = learners.get(KEY)!
    const wrongs: [string, LearnerRow | null][] = [
      ['gone', null],
      ['older', rowOf(0, 'old')],
      ['another', { ...rowOf(0, 'other'), ballot: right.ballot }],
    ]
    for (const [what, wrong] of wrongs) {
      if (wrong) learners.set(KEY, wrong)
      else learners.delete(KEY)
      const suspects = await suspectsOf(audit)
      t.strictSame([...new Set(suspects.map(({ key }) => key))], [KEY], what)
      t.strictSame(wordsIn((await set.reader(id).read(KEY))?.value), [KEY], `${what}: nobody is shown it`)
      if (wrong) learners.set(KEY, wrong)
      else learners.delete(KEY)
      t.equal(await audit.mend(suspects[0]!), true, what)
      await settled()
      t.strictSame(wordsIn(set.storage(id).learned(KEY)?.value), [KEY], what)
      t.equal(set.storage(id).learned(KEY)?.settled, true)
      for (const again of suspects.slice(1)) t.equal(await audit.mend(again), false, 'it is mended once')
    }
  })

t.test('a row of what the voters have removed goes', async (t) => {
  const set = await agreeing()
  const audit = auditAt(set, 'd')
  set.disk('d').learners.set('thing/1b', rowOf(1, 'ghost'))
  const suspects = await suspectsOf(audit)
  t.ok(suspects.length > 0)
  t.equal(await audit.mend(suspects[0]!), true)
  t.equal(set.storage('d').learned('thing/1b'), null)
})

t.test(
  'when the other node is wrong nothing changes here, and what changed meanwhile is left alone',
  async (t) => {
    const set = await agreeing()
    set.disk('b').learners.set(KEY, { ...rowOf(0, 'other'), ballot: set.disk('b').learners.get(KEY)!.ballot })
    const audit = auditAt(set, 'd')
    const before = set.storage('d').learned(KEY)
    const [suspect] = await suspectsOf(audit)
    t.equal(await audit.mend(suspect!), false)
    t.strictSame(set.storage('d').learned(KEY), before)

    set.disk('d').learners.delete('thing/2')
    const [late] = (await suspectsOf(audit)).filter(({ key }) => key === 'thing/2')
    await set.proposer('a').execute('thing/2', callOf('append', 'more'), null)
    await set.catchUp('d').freshen()
    t.equal(await audit.mend(late!), false, 'catch-up was faster')
  },
)

t.test('a lone voter finds by its votes what it has learned no more', async (t) => {
  const set = new VoterSet(['a'])
  for (const key of KEYS) await set.proposer('a').execute(key, callOf('create', key), null)
  await settled()
  set.disk('a').learners.delete(KEY)
  const audit = auditAt(set, 'a')
  const suspects = await suspectsOf(audit)
  t.strictSame(
    suspects.map(({ key }) => key),
    [KEY],
  )
  t.equal(await audit.mend(suspects[0]!), true)
  t.strictSame(wordsIn(set.storage('a').learned(KEY)?.value), [KEY])
})

t.test(
  'more rows than one page: each is compared once with each source, whichever side has more',
  async (t) => {
    const keys = Array.from({ length: 350 }, (_, i) => `thing/${String(i).padStart(3, '0')}`)
    const set = await agreeing([])
    for (const id of ['a', 'b', 'c', 'd'])
      for (const key of keys) set.disk(id).learners.set(key, rowOf(1, key))
    const { learners } = set.disk('d')
    const gone = keys.filter((_, i) => i % 3 === 0)
    for (const key of gone) learners.delete(key)
    for (let i = 0; i < 100; i++) learners.set(`thing/${String(i).padStart(3, '0')}x`, rowOf(1, 'ghost'))
    const suspects = await suspectsOf(auditAt(set, 'd'))
    t.equal(suspects.length, 3 * (gone.length + 100))
  },
)
