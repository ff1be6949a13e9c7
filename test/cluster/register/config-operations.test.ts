import t from 'tap'
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import {
  BEGIN_JOINT,
  configOperations,
  FINISH_JOINT,
  PUT_NODE,
  RAISE_LEVEL,
  REMOVE_NODE,
  SET_DRAINED,
} from '../../../cluster/register/config-operations.ts'
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

/** What is left of the config, or why it was refused. */
function change(config: ClusterConfig, name: string, args: object): ClusterConfig | string | null {
  const decision = configOperations[name]?.({ live: true, record: config }, args)
  if (decision?.kind === 'refuse') return decision.refusal.message
  return decision?.kind === 'write' ? (decision.next.record as ClusterConfig) : null
}

const drainedIn = (config: unknown) =>
  (config as ClusterConfig).nodes.filter(({ drained }) => drained).map(({ id }) => id)

t.test('a drained node stays drained whatever else is said of it, and is one no more when told so', (t) => {
  const config = configOf(['a', 'b', 'c'])
  const drained = change(config, SET_DRAINED, { node: 'b', drained: true }) as ClusterConfig
  t.strictSame(drainedIn(drained), ['b'])
  t.match(drained, { epoch: config.epoch + 1, featureLevel: 2 }, 'older releases would place images on it')
  t.equal(change(drained, SET_DRAINED, { node: 'b', drained: true }), null)
  const moved = { ...config.nodes.find(({ id }) => id === 'b')!, zone: 'z' }
  t.strictSame(drainedIn(change(drained, PUT_NODE, { member: moved })), ['b'])
  const other = { ...config.nodes.find(({ id }) => id === 'c')!, drained: true as const }
  t.strictSame(drainedIn(change(drained, PUT_NODE, { member: other })), ['b'], 'by its own operation alone')
  t.strictSame(drainedIn(change(drained, SET_DRAINED, { node: 'b', drained: false })), [])
  t.match(change(config, SET_DRAINED, { node: 'x', drained: true }), /no member/)
  t.end()
})

t.test('the last node that holds images is neither drained nor removed', (t) => {
  const config: ClusterConfig = { ...configOf(['a', 'b']), voters: ['a'] }
  const drained = change(config, SET_DRAINED, { node: 'a', drained: true }) as ClusterConfig
  t.match(change(drained, SET_DRAINED, { node: 'b', drained: true }), /last node that holds images/)
  t.match(change(drained, REMOVE_NODE, { node: 'b' }), /last node that holds images/)
  t.end()
})

t.test('what was found safe under one epoch is not done under another', (t) => {
  const config: ClusterConfig = { ...configOf(['a', 'b', 'c']), voters: ['a'] }
  t.match(change(config, REMOVE_NODE, { node: 'b', epoch: config.epoch - 1 }), /has changed meanwhile/)
  t.match(change(config, REMOVE_NODE, { node: 'b', epoch: config.epoch }), { nodes: { length: 2 } })
  t.end()
})

t.test('a feature level is raised, and never lowered', (t) => {
  const config: ClusterConfig = { ...configOf(['a', 'b', 'c']), featureLevel: 2 }
  t.match(change(config, RAISE_LEVEL, { level: 3 }), { featureLevel: 3 })
  t.equal(change({ ...config, featureLevel: 3 }, RAISE_LEVEL, { level: 3 }), null)
  t.equal(change({ ...config, featureLevel: 4 }, RAISE_LEVEL, { level: 3 }), null)
  t.end()
})
