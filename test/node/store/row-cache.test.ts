import t from 'tap'
import { RowCache } from '../../../node/store/row-cache.ts'

const cacheOf = (bytesMax: number) => new RowCache<string>(bytesMax, (text) => text.length)

t.test('what was used longest ago makes room', async (t) => {
  const cache = cacheOf(3 * 1000)
  for (const key of ['a', 'b', 'c']) cache.put(key, 'x'.repeat(700))
  cache.get('a')
  cache.put('d', 'x'.repeat(700))
  t.equal(cache.get('b'), undefined)
  for (const key of ['a', 'c', 'd']) t.equal(cache.get(key)?.length, 700)
})

t.test('the bound holds whatever is replaced, removed or too large', async (t) => {
  const cache = cacheOf(2000)
  cache.put('a', 'x'.repeat(500))
  cache.put('a', 'x'.repeat(900))
  t.equal(cache.get('a')?.length, 900)
  cache.put('huge', 'x'.repeat(5000))
  t.ok(cache.bytes <= 2000)
  t.equal(cache.get('huge'), undefined)
  cache.put('b', '')
  cache.delete('b')
  cache.delete('b')
  t.equal(cache.bytes, 0)
})
