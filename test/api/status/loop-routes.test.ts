import t from 'tap'
import type { LoopAdminPort } from '../../../api/status/loop-routes.ts'
import { buildOperatorServer } from '../../../api/status/status-routes.ts'
import type { LoopState } from '../../../node/loops/loop.ts'
import type { LoopChanges } from '../../../node/status/loop-admin.ts'
import { operatorComponents } from '../../helpers/operator-components.ts'

const loop: LoopState = {
  name: 'auditor',
  state: 'idle',
  runs: 1,
  lastRunAt: null,
  lastError: null,
  queue: null,
  rate: null,
  progress: null,
}

function operator() {
  const changes: [string, LoopChanges][] = []
  const loops: LoopAdminPort = {
    describe: () => ({ node: 'a', loops: [loop] }),
    change: (name, change) => {
      changes.push([name, change])
      return loop
    },
    changeAt: async (node, name, change) => {
      changes.push([`${node} ${name}`, change])
      return loop
    },
  }
  const app = buildOperatorServer(operatorComponents({ loops }), {
    disableFile: '/nonexistent/disable',
    clientPauseMs: 1000,
  })
  t.teardown(() => app.close())
  return { app, changes }
}

t.test('loops are shown and set', async (t) => {
  const { app, changes } = operator()
  const shown = await app.inject('/v1/cluster/loops')
  t.match(shown, { statusCode: 200, headers: { 'cache-control': 'no-store' } })
  t.strictSame(shown.json(), { node: 'a', loops: [loop] })
  const url = '/v1/cluster/loops/auditor'
  for (const body of [{ paused: true }, { paused: false, rate: null }, { rate: 1e6 }])
    t.equal((await app.inject({ method: 'POST', url, body })).statusCode, 200)
  const elsewhere = '/v1/cluster/nodes/b/loops/auditor'
  t.equal((await app.inject({ method: 'POST', url: elsewhere, body: { paused: true } })).statusCode, 200)
  t.strictSame(changes, [
    ['auditor', { paused: true }],
    ['auditor', { paused: false, rate: null }],
    ['auditor', { rate: 1e6 }],
    ['b auditor', { paused: true }],
  ])
})

t.test('bad input is a 400 that says what is wrong', async (t) => {
  const { app, changes } = operator()
  const bad: [unknown, RegExp][] = [
    [{ paused: 'yes' }, /paused must be/],
    [{ rate: 0 }, /rate must be/],
    [{ rate: 1e13 }, /rate must be/],
    [{ rate: 'fast' }, /rate must be/],
    [{ pause: true }, /no field pause, only paused and rate/],
    [[], /JSON object/],
  ]
  for (const [body, why] of bad) {
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/cluster/loops/auditor',
      body: body as object,
    })
    t.equal(answer.statusCode, 400)
    t.match(answer.json(), { error: { message: why } })
  }
  t.strictSame(changes, [])
})
