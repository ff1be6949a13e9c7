import t from 'tap'
import { silentLog, systemClock } from '../../../cluster/runtime.ts'
import { createLog, type LogOptions } from '../../../node/cli/log.ts'

const WALL_MS = Date.UTC(2026, 1, 28, 23, 59, 59, 123)

function logTo(lines: string[], options: LogOptions) {
  const clock = { ...systemClock, wallMs: () => WALL_MS }
  return createLog(clock, { write: (line) => lines.push(line) }, options)
}

t.test('json: one object per line, errors with their cause', async (t) => {
  const lines: string[] = []
  const log = logTo(lines, { debug: false, format: 'json' })
  log.debug({}, 'not shown')
  log.info({ requestId: 'req-1' }, 'request')
  log.error({ err: new Error('disk', { cause: new Error('EIO') }) }, 'failed\nbadly')
  t.equal(lines.length, 2)
  t.match(JSON.parse(lines[0]!), {
    level: 'info',
    msg: 'request',
    requestId: 'req-1',
    pid: process.pid,
    time: /^\d{4}-/,
  })
  t.match(JSON.parse(lines[1]!), { level: 'error', msg: 'failed\nbadly', err: { message: 'disk: EIO' } })
})

t.test('oslo: the lines other OpenStack services write', async (t) => {
  const lines: string[] = []
  const log = logTo(lines, { debug: true, format: 'oslo' })
  log.debug({}, 'a')
  log.info({ requestId: 'req-1', globalRequestId: null, userId: 'u', projectId: 'p', status: 200 }, 'request')
  log.warn({ who: undefined, list: [1, 2] }, 'b')
  log.error({ err: new Error('one\ntwo') }, 'c\r\nd')
  const head = `\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.123 ${process.pid}`
  const expected = [
    `${head} DEBUG serac \\[-\\] a\n`,
    `${head} INFO serac \\[- req-1 u p - - -\\] request status=200\n`,
    `${head} WARNING serac \\[-\\] b who=- list=\\[1,2\\]\n`,
    `${head} ERROR serac \\[-\\] c d err="one\\\\ntwo"\n`,
  ]
  expected.forEach((pattern, index) => t.match(lines[index], new RegExp(`^${pattern}$`)))
  t.equal(lines.length, expected.length)
})

t.test('without debug, debug lines are dropped', async (t) => {
  const lines: string[] = []
  logTo(lines, { debug: false, format: 'oslo' }).debug({}, 'a')
  t.strictSame(lines, [])
  t.doesNotThrow(() => silentLog.debug({}, 'a'))
})
