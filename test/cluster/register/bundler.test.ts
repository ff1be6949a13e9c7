import t from 'tap'
import { Bundler } from '../../../cluster/register/bundler.ts'
import { deferred } from '../../helpers/deferred.ts'
import { settled } from '../../helpers/manual-clock.ts'

const LIMITS = { weightOf: (word: string) => word.length, bundleMax: 6, waitingMax: 12 }

t.test('the first goes alone; what comes meanwhile goes together', async (t) => {
  const sent: string[][] = []
  const gate = deferred()
  const bundler = new Bundler<string>((words) => {
    sent.push(words)
    return gate.promise
  }, LIMITS)
  for (const word of ['a', 'b', 'c']) t.ok(bundler.add(word))
  t.strictSame(sent, [['a']])
  gate.resolve()
  await settled()
  t.strictSame(sent, [['a'], ['b', 'c']])
})

t.test('a bundle has a limit, and an item above it travels alone', async (t) => {
  const sent: string[][] = []
  const bundler = new Bundler<string>((words) => Promise.resolve(void sent.push(words)), LIMITS)
  for (const word of ['a', 'bbb', 'ccc', 'dddddddd', 'e']) bundler.add(word)
  await settled()
  t.strictSame(sent, [['a'], ['bbb', 'ccc'], ['dddddddd']])
  t.notOk(sent.flat().includes('e'), 'what came when too much was waiting was not taken')
})

t.test('what is refused is told, and later there is room again', async (t) => {
  const gate = deferred()
  const bundler = new Bundler<string>(() => gate.promise, LIMITS)
  bundler.add('a')
  t.ok(bundler.add('b'.repeat(12)))
  t.notOk(bundler.add('c'))
  gate.resolve()
  await settled()
  t.ok(bundler.add('c'))
})
