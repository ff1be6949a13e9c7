/** Back ends are used when every member knows of them, and from then on for good. */
import t from 'tap'
import { BACKEND_LEVEL, DRAIN_LEVEL } from '../../../cluster/membership/feature-level.ts'
import { BackendGate } from '../../../node/images/backend-gate.ts'
import { configOf } from '../../cluster/register/register-fixture.ts'

function gateOf(inForce: number, levels: Record<string, number | null>) {
  const config = { ...configOf(['a', 'b', 'c']), featureLevel: inForce }
  const raised: number[] = []
  const gate = new BackendGate({
    config: { current: () => config },
    levelOf: (id) => levels[id] ?? null,
    raiseLevel: async (level) => {
      raised.push(level)
      config.featureLevel = level
    },
  })
  return { gate, raised }
}

t.test('a node of an older release, or one that has not said what it runs, is waited for', async (t) => {
  const all = { a: BACKEND_LEVEL, b: BACKEND_LEVEL, c: BACKEND_LEVEL }
  for (const c of [DRAIN_LEVEL, null]) {
    const { gate, raised } = gateOf(DRAIN_LEVEL, { ...all, c })
    await t.rejects(gate.require(), { code: 'UNAVAILABLE', message: /: c\.$/ })
    t.strictSame(raised, [])
  }
})

t.test('when all know of them it is in force, once, and nobody is asked any more', async (t) => {
  const { gate, raised } = gateOf(DRAIN_LEVEL, { a: BACKEND_LEVEL, b: BACKEND_LEVEL, c: BACKEND_LEVEL })
  await gate.require()
  await gate.require()
  t.strictSame(raised, [BACKEND_LEVEL])
  await gateOf(BACKEND_LEVEL, {}).gate.require()
})
