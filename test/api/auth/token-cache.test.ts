import t from 'tap'
import { TokenCache } from '../../../api/auth/token-cache.ts'
import type { TokenFacts } from '../../../api/auth/token-facts.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

/** The cache does not look at what it keeps. */
const FACTS = { expiresAtMs: 0 } as TokenFacts

t.test('holds no more tokens than it may, and lets the one go that was not used for longest', async (t) => {
  const asked: string[] = []
  const cache = new TokenCache(
    new ManualClock(),
    async (token) => {
      asked.push(token)
      return FACTS
    },
    { keepMs: 1000, tokensMax: 2 },
  )
  for (const token of ['a', 'b', 'a', 'c', 'a', 'b']) await cache.find(token, false)
  t.strictSame(asked, ['a', 'b', 'c', 'b'])
  t.equal(cache.size, 2)
  t.notMatch(JSON.stringify([...Object.values(cache)]), /"a"/)
})

t.test('counts the time from before the question', async (t) => {
  const clock = new ManualClock()
  const answer = deferred<TokenFacts>()
  const cache = new TokenCache(clock, () => answer.promise, { keepMs: 1000 })
  const found = cache.find('a', false)
  await clock.advance(600)
  answer.resolve(FACTS)
  await found
  await clock.advance(400)
  let asked = false
  const again = new TokenCache(clock, async () => ((asked = true), null), { keepMs: 1000 })
  t.equal(await again.find('a', false), null)
  t.ok(asked)
  t.equal(cache.size, 1)
})

t.test('what is unknown is not remembered, and a failure neither', async (t) => {
  let asked = 0
  const cache = new TokenCache(
    new ManualClock(),
    async () => {
      if (++asked === 1) return null
      if (asked === 2) throw new Error('away')
      return FACTS
    },
    { keepMs: 1000 },
  )
  t.equal(await cache.find('a', false), null)
  await t.rejects(cache.find('a', false), { message: 'away' })
  t.equal(await cache.find('a', false), FACTS)
  t.equal(await cache.find('a', false), FACTS)
  t.equal(asked, 3)
})

t.test('only so many questions wait', async (t) => {
  const answer = deferred<TokenFacts>()
  const cache = new TokenCache(new ManualClock(), () => answer.promise, { keepMs: 1000, questionsMax: 2 })
  const waiting = [cache.find('a', false), cache.find('b', false), cache.find('a', false)]
  await t.rejects(cache.find('c', false), { code: 'UNAVAILABLE' })
  answer.resolve(FACTS)
  t.strictSame(await Promise.all(waiting), [FACTS, FACTS, FACTS])
  t.equal(await cache.find('c', false), FACTS)
})
