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
})

t.test('counts the time from before the question', async (t) => {
  const clock = new ManualClock()
  const answer = deferred()
  let asked = 0
  const lookUp = async () => {
    asked++
    await answer.promise
    return FACTS
  }
  const cache = new TokenCache(clock, lookUp, { keepMs: 1000 })
  const found = cache.find('a', false)
  await clock.advance(600)
  answer.resolve()
  await found
  await clock.advance(399)
  await cache.find('a', false)
  t.equal(asked, 1)
  await clock.advance(1)
  await cache.find('a', false)
  t.equal(asked, 2)
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
  const answer = deferred()
  const cache = new TokenCache(new ManualClock(), () => answer.promise.then(() => FACTS), {
    keepMs: 1000,
    questionsMax: 2,
  })
  const waiting = [cache.find('a', false), cache.find('b', false), cache.find('a', false)]
  await t.rejects(cache.find('c', false), { code: 'UNAVAILABLE' })
  answer.resolve()
  t.strictSame(await Promise.all(waiting), [FACTS, FACTS, FACTS])
  t.equal(await cache.find('c', false), FACTS)
})
