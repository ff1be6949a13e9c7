import t from 'tap'
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import { BEGIN_JOINT, configOperations, FINISH_JOINT } from '../../../cluster/register/config-operations.ts'
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

t.test('a change does not end when a voter gave up what the rescan gave it', (t) => {
  const voters = ['a', 'b', 'c']
  const databases = { a: 'of a', b: 'of b' }
  const config: ClusterConfig = { ...configOf(voters), voters: ['a'], joint: voters, databases }
  const finish = (of: Record<string, string>) =>
    configOperations[FINISH_JOINT]?.({ live: true, record: config }, { voters, databases: of })
  t.match(finish({ a: 'of a', b: 'older' }), { kind: 'refuse', refusal: { message: /b gave up votes/ } })
  t.match(finish({ a: 'of a' }), { kind: 'write', next: { record: { voters, joint: null } } })
  t.end()
})
