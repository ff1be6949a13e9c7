import t from 'tap'
import { acceptSets, promiseSets } from '../../../cluster/register/config-quorum.ts'
import { CONFIG_KEY } from '../../../cluster/register/config-register.ts'
import { encodeValue, nextValue } from '../../../cluster/register/register-value.ts'
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import { configOf } from './register-fixture.ts'

const OLD = ['a', 'b', 'c']
const NEW = ['c', 'd', 'e']

function valueOf(record: ClusterConfig): Uint8Array {
  return encodeValue(nextValue(null, { live: true, record }, 'some operation', null))
}

t.test('while voters change, the old ones decide whatever leaves them the voters', (t) => {
  const joint = configOf(OLD, { joint: NEW })
  t.strictSame(promiseSets(joint, CONFIG_KEY), [OLD])
  t.strictSame(acceptSets(joint, CONFIG_KEY, valueOf({ ...joint, databases: { d: 'new' } })), [OLD])
  t.strictSame(acceptSets(joint, CONFIG_KEY, valueOf({ ...joint, joint: null })), [OLD])
  t.end()
})

t.test('the end of the change, and every other register, need both majorities', (t) => {
  const joint = configOf(OLD, { joint: NEW })
  const finished = valueOf({ ...joint, voters: NEW, joint: null })
  t.strictSame(acceptSets(joint, CONFIG_KEY, finished), [OLD, NEW])
  t.strictSame(promiseSets(joint, 'image/1'), [OLD, NEW])
  t.strictSame(acceptSets(joint, 'image/1', finished), [OLD, NEW])
  t.end()
})

t.test('otherwise there is one set', (t) => {
  const config = configOf(OLD)
  t.strictSame(promiseSets(config, CONFIG_KEY), [OLD])
  t.strictSame(acceptSets(config, CONFIG_KEY, valueOf({ ...config, joint: NEW })), [OLD])
  t.strictSame(acceptSets(config, 'image/1', new Uint8Array()), [OLD])
  t.end()
})
