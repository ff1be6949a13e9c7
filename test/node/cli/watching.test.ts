/** Mute, unmute, events and a watched status, asked of an operator port with the production parts behind it. */
import t, { type Test } from 'tap'
import { buildOperatorServer } from '../../../api/status/status-routes.ts'
import { runCli } from '../../../node/cli.ts'
import { renderEvents } from '../../../node/cli/events.ts'
import { watchStatus } from '../../../node/cli/watch-status.ts'
import { ClusterHistory } from '../../../node/status/cluster-history.ts'
import { StatusQuestions } from '../../../node/status/status-questions.ts'
import { listen } from '../../helpers/api-server.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { accessFor, operatorComponents } from '../../helpers/operator-components.ts'
import { clusterOf } from '../status/report-fixture.ts'

async function portOf(t: Test, token: string | null = null) {
  const world = clusterOf()
  const { report, clock, config, events, mutes, network } = world
  const history = new ClusterHistory({
    clock,
    config: { current: () => config },
    questions: new StatusQuestions({ self: 'a', rpc: network.join('a') }),
    events,
    trend: { samples: [] },
    mutes,
    checks: async () => (await report.gather()).checks,
  })
  const app = buildOperatorServer(
    operatorComponents({
      clusterStatus: () => report.gather(),
      history,
      access: accessFor({ isOpen: token === null, token }),
    }),
    { disableFile: '/nonexistent/disable', clientPauseMs: 1000 },
  )
  t.teardown(() => {
    app.server.closeAllConnections()
    return app.close()
  })
  return { ...world, url: `http://127.0.0.1:${await listen(app)}` }
}

async function run(...args: string[]) {
  const output = { stdout: '', stderr: '' }
  const exitCode = await runCli(args, {
    environment: {},
    print: (text) => (output.stdout += text),
    complain: (text) => (output.stderr += text),
    ask: async () => null,
    isTerminal: false,
  })
  return { exitCode, ...output }
}

t.test('a check is muted by its code, and counts again when that is ended', async (t) => {
  const { network, url } = await portOf(t)
  const at = ['--url', url]
  t.match(await run('mute', 'NODE_DOWN', ...at), {
    exitCode: 1,
    stderr: /no check NODE_DOWN now, only: none/,
  })
  network.down.add('c')
  t.match(await run('status', ...at), { exitCode: 1, stdout: /^DEGRADED/ })
  const muted = await run('mute', 'node_down', 'c', ...at, '--for', '1d', '--reason', 'a new disk')
  t.match(muted, { exitCode: 0, stdout: 'NODE_DOWN of c is muted until 2026-01-02T00:00:00.000Z.\n' })
  t.match(await run('mute', 'UNDER_REPLICATED', ...at), { exitCode: 0, stdout: /^UNDER_REPLICATED is muted/ })
  t.match(await run('status', ...at), { exitCode: 0, stdout: /Muted until .*: a new disk/ })
  t.match(await run('mute', 'NODE_DOWN', 'b', ...at), {
    exitCode: 1,
    stderr: /no check NODE_DOWN about b now/,
  })
  t.match(await run('unmute', 'NODE_DOWN', ...at), {
    exitCode: 0,
    stdout: 'NODE_DOWN of c is not muted any more.\n',
  })
  t.match(await run('unmute', 'NODE_DOWN', ...at), { exitCode: 1, stderr: /NODE_DOWN is not muted/ })
  t.match(await run('status', ...at), { exitCode: 1 })
  network.down.add('b')
  t.match(await run('mute', 'NO_QUORUM', ...at), { exitCode: 1, stderr: /critical/ }, 'nobody mutes a loss')
  t.match(await run('mute', 'NODE_DOWN', ...at, '--for', 'long'), {
    exitCode: 64,
    stderr: /a time in seconds/,
  })
})

t.test('events are told, the newest first', async (t) => {
  const { network, report, url } = await portOf(t)
  const at = ['--url', url]
  t.match(await run('events', ...at), { exitCode: 0, stdout: /^Nothing has happened/ })
  network.down.add('c')
  await report.gather()
  const { stdout } = await run('events', ...at)
  t.match(stdout, /^2026-01-01T00:00:00\.000Z warning NODE_DOWN c\n {2}Node {1,2}is unknown\.$/m)
  t.match(stdout, /do not answer: b, c\n$/, 'the others of this test tell no events')
  t.match(await run('events', ...at, '-f', 'value'), { stdout: /^2026-01-01T00:00:00\.000Z NODE_DOWN c$/m })
  const { events } = JSON.parse((await run('events', ...at, '-f', 'json', '--limit', '1')).stdout) as {
    events: object[]
  }
  t.equal(events.length, 1)
  t.match(await run('events', ...at, '--limit', '0'), { exitCode: 64, stderr: /from 1 to 500/ })
})

t.test('ids of nodes are shortened, long texts wrapped, repetition counted', async (t) => {
  const event = {
    kind: 'NODE_DEAD',
    severity: 'warning' as const,
    at: '2026-01-01T00:00:00.000Z',
    seenBy: [],
  }
  const long = { ...event, who: `12D3KooW${'a'.repeat(36)}tail-one`, text: 'word '.repeat(30), count: 3 }
  const text = renderEvents({ events: [long], silent: [], as_of: '' }, 'table')
  t.match(text, /^2026\S+ warning NODE_DEAD …tail-one ×3\n/)
  t.strictSame(
    text.split('\n').filter((line) => line.length > 80),
    [],
  )
})

t.test('the token of the shell is shown, also for the status', async (t) => {
  const { url } = await portOf(t, 'a-secret-token')
  t.match(await run('status', '--url', url), { exitCode: 4, stderr: /401/ })
  process.env['SERAC_OPERATOR_TOKEN'] = 'a-secret-token'
  t.teardown(() => delete process.env['SERAC_OPERATOR_TOKEN'])
  t.match(await run('status', '--url', url), { exitCode: 0, stdout: /^HEALTHY/ })
})

t.test('a watched status follows, says when nobody answers, and ends with the last verdict', async (t) => {
  const { network, url } = await portOf(t)
  const clock = new ManualClock()
  const stop = new AbortController()
  const looks: string[] = []
  const shown = (count: number) =>
    new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (looks.length < count) return
        clearInterval(timer)
        resolve()
      }, 5)
    })
  const io = { print: (text: string) => void looks.push(text), complain: () => {}, isTerminal: false }
  const watching = watchStatus(url, { format: 'value', everyMs: 2000 }, io, { clock, stop: stop.signal })
  await shown(1)
  network.down.add('c')
  await clock.advance(2000)
  await shown(2)
  t.strictSame(looks, ['HEALTHY\n', 'DEGRADED\n'])
  stop.abort()
  t.equal(await watching, 1)

  const pictures: string[] = []
  const ended = new AbortController()
  ended.abort()
  const terminal = { ...io, isTerminal: true, print: (text: string) => void pictures.push(text) }
  const options = { format: 'table' as const, everyMs: 1 }
  t.equal(await watchStatus('http://127.0.0.1:1', options, terminal, { clock, stop: ended.signal }), 4)
  t.match(pictures.join(''), /could not ask/)
})
