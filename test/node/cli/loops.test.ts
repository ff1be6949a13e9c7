import t from 'tap'
import { runCli } from '../../../node/cli.ts'
import { renderLoops } from '../../../node/cli/loops.ts'
import type { LoopState } from '../../../node/loops/loop.ts'

const auditor: LoopState = {
  name: 'auditor',
  state: 'throttled',
  runs: 12,
  lastRunAt: '2026-01-01T00:00:00.000Z',
  lastError: null,
  queue: null,
  rate: { unit: 'bytes', perSecond: 50 * 1024 ** 2, fixed: 50 * 1024 ** 2 },
  progress: { pass: 1, position: 0.25 },
}
const updater: LoopState = {
  ...auditor,
  name: 'updater',
  state: 'failed',
  lastError: 'the disk is full',
  queue: { depth: 3, oldestAgeMs: 1500 },
  rate: null,
  progress: null,
}

t.test('a table for people, lines for scripts, JSON for programs', async (t) => {
  const table = renderLoops([auditor, updater], 'table')
  t.match(table, /^auditor +throttled +12 .* 50\.0 MiB\/s \(set\)$/m)
  t.match(table, /^updater +failed .* 3 +2 s +-$/m)
  t.match(table, /^auditor: pass 1, position 0\.25$/m)
  t.match(table, /^updater failed: the disk is full$/m)
  t.equal(renderLoops([auditor, updater], 'value'), 'auditor throttled\nupdater failed\n')
  t.strictSame(JSON.parse(renderLoops([auditor], 'json')), [auditor])
})

t.test('what makes no sense is refused before anybody is asked', async (t) => {
  const complaints: string[] = []
  const io = {
    print: () => {},
    complain: (text: string) => void complaints.push(text),
    ask: () => Promise.resolve(null),
    isTerminal: false,
    environment: {},
  }
  for (const args of [['--rate', 'fast'], ['--pause', '--resume'], ['--pause']])
    t.not(await runCli(['loops', ...args, '--url', 'http://127.0.0.1:1'], io), 0)
  t.match(complaints.join(''), /or auto/)
  t.match(complaints.join(''), /cannot be used with option '--resume'/)
  t.match(complaints.join(''), /say which loop/)
})
