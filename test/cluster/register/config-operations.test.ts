import t from 'tap'
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import { BEGIN_JOINT, configOperations } from '../../../cluster/register/config-operations.ts'
import { configOf } from './register-fixture.ts'

/** Members a, b and c, of which only a votes. */
function beginJoint(databases: Record<string, string>) {
  const config: ClusterConfig = { ...configOf(['a', 'b', 'c']), voters: ['a'], databases: { a: 'of a' } }
  const state = { live: true, record: config }
  return configOperations[BEGIN_JOINT]?.(state, { voters: ['a', 'b', 'c'], databases })
}

t.test('a joint config names the databases of its new voters, as far as known', (t) => {
  t.match(beginJoint({ b: 'of b' }), {
    kind: 'write',
    next: { record: { joint: ['a', 'b', 'c'], databases: { a: 'of a', b: 'of b' } } },
  })
  t.end()
})

t.test('no joint config begins in which too few may vote to let the others in', (t) => {
  t.match(beginJoint({}), { kind: 'refuse', refusal: { message: /wait for b, c/ } })
  t.end()
})
