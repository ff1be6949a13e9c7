import t from 'tap'
import { OutNodes } from '../../../node/loops/out-nodes.ts'
import { configOf } from '../../cluster/register/register-fixture.ts'

const OUT_AFTER_MS = 900_000

/** Node `a` of a cluster, with what it knows of the others' silence, ms. */
function outOf(ids: string[], outAfterMs = OUT_AFTER_MS) {
  const silent = new Map<string, number>()
  const silentMs = (id: string) => silent.get(id) ?? 0
  const config = { current: () => configOf(ids) }
  const out = new OutNodes({ self: 'a', config, silentMs }, { outAfterMs })
  return { out, silent }
}

t.test('who is silent for long enough is out, until it is back', async (t) => {
  const { out, silent } = outOf(['a', 'b', 'c', 'd'])
  silent.set('b', OUT_AFTER_MS - 1)
  t.equal(out.look(), false)
  silent.set('b', OUT_AFTER_MS)
  t.equal(out.look(), true)
  t.equal(out.look(), false, 'no news')
  t.strictSame(out.view, { out: ['b'], braked: [] })
  silent.set('b', 0)
  t.equal(out.look(), true)
  t.strictSame(out.view, { out: [], braked: [] })
})

t.test('more than a third that vanish together are not replaced', async (t) => {
  const { out, silent } = outOf(['a', 'b', 'c', 'd', 'e'])
  silent.set('b', OUT_AFTER_MS).set('c', 20_000)
  t.equal(out.look(), false, 'the second has vanished, too, though not for so long')
  t.strictSame(out.view, { out: [], braked: ['b'] })
  silent.set('c', 0)
  t.equal(out.look(), true)
  t.strictSame(out.view, { out: ['b'], braked: [] })
})

t.test(
  'also where nodes are out after a short time: one is noticed a little later than the other',
  async (t) => {
    const { out, silent } = outOf(['a', 'b', 'c', 'd', 'e'], 3000)
    silent.set('b', 3000).set('c', 2000)
    t.equal(out.look(), false)
    t.strictSame(out.view, { out: [], braked: ['b'] })
  },
)

t.test('one after the other is no brake: those that are out do not count again', async (t) => {
  const { out, silent } = outOf(['a', 'b', 'c', 'd', 'e'])
  silent.set('b', OUT_AFTER_MS)
  out.look()
  silent.set('c', OUT_AFTER_MS)
  t.equal(out.look(), true)
  t.strictSame(out.view, { out: ['b', 'c'], braked: [] })
})

t.test('up to three nodes nobody can stand in', async (t) => {
  const { out, silent } = outOf(['a', 'b', 'c'])
  silent.set('b', OUT_AFTER_MS)
  t.equal(out.look(), false)
  t.strictSame(out.view, { out: [], braked: [] })
})
