import t from 'tap'
import { parseSetting } from '../../../deploy/dev/node-config.ts'

t.test('settings are SECTION.OPTION=VALUE', async (t) => {
  t.strictSame(parseSetting('store.ballast=1 MiB'), { section: 'store', name: 'ballast', value: '1 MiB' })
  t.strictSame(parseSetting('a.b=c.d=e'), { section: 'a', name: 'b', value: 'c.d=e' })
  t.strictSame(parseSetting('a.b='), { section: 'a', name: 'b', value: '' })
  for (const text of ['', 'a', 'a.b', 'b=c', 'a.b.c=d', 'a.b=1\n[c]', '[a].b=c']) {
    t.throws(() => parseSetting(text), { message: /--set takes/ }, text)
  }
})
