/** What happens is in the log by a stable name. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { CHECK_CODES } from '../../../node/status/check-codes.ts'
import { configEvents } from '../../../node/status/config-events.ts'
import { CHECK_EVENTS, EVENT_KINDS } from '../../../node/status/event-kinds.ts'
import { EventLog } from '../../../node/status/event-log.ts'
import { configOf } from '../../cluster/register/register-fixture.ts'
import { recordingLog, type LogEntry } from '../../helpers/api-server.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

function eventLog() {
  const entries: LogEntry[] = []
  const clock = new ManualClock()
  return { events: new EventLog(clock, recordingLog(entries)), entries, clock }
}

t.test(
  'an event is a line in the log, with what only the log wants; repetition within a minute is not',
  async (t) => {
    const { events, entries, clock } = eventLog()
    const dead = { kind: 'NODE_DEAD', severity: 'warning', who: 'c', text: 'It does not answer.' } as const
    events.note(dead, { silentMs: 5000 })
    events.note(dead)
    const line = { level: 'warn', message: 'It does not answer.' }
    const fields = { event: 'NODE_DEAD', severity: 'warning', who: 'c' }
    t.strictSame(entries, [{ ...line, fields: { ...fields, silentMs: 5000 } }])
    await clock.advance(60_000)
    events.note(dead)
    t.equal(entries.length, 2)
    t.notOk('silentMs' in events.latest(1)[0]!)
  },
)

t.test('a check is raised and cleared, at the level of its severity', async (t) => {
  const { events, entries } = eventLog()
  const check = { kind: 'NO_QUORUM', who: null } as const
  events.note({ ...check, severity: 'critical', text: 'One of three.' })
  events.note({ ...check, severity: 'good', text: 'This check is over.' })
  t.match(entries, [
    { level: 'error', fields: { event: 'CHECK_RAISED', check: 'NO_QUORUM', severity: 'critical' } },
    { level: 'info', fields: { event: 'CHECK_CLEARED', check: 'NO_QUORUM' } },
  ])
  t.match(events.latest(1), [{ kind: 'NO_QUORUM' }])
})

t.test(
  'a check that comes and goes, with other numbers each time, is one event of each within a minute',
  async (t) => {
    const { events, entries, clock } = eventLog()
    const check = { kind: 'CHUNKS_DAMAGED', who: 'b' } as const
    for (let damaged = 1; damaged <= 50; damaged++) {
      events.note({ ...check, severity: 'warning', text: `${damaged} chunks are damaged.` })
      events.note({ ...check, severity: 'good', text: 'This check is over.' })
      await clock.advance(500)
    }
    t.equal(entries.length, 2)
    t.match(events.latest(10), [{ count: 50 }, { count: 50, text: '1 chunks are damaged.' }])
    events.note({ ...check, severity: 'critical', text: '7 chunks are damaged.' })
    events.note({ ...check, who: 'c', severity: 'warning', text: '7 chunks are damaged.' })
    t.equal(entries.length, 4, 'what is worse, or elsewhere, is another one')
  },
)

t.test('a new config says who came and went, and who votes', async (t) => {
  const before = configOf(['a', 'b', 'c'])
  const [a, b, c] = before.nodes
  const d = { id: 'd', address: 'd:1', role: 'storage' as const, zone: null, weight: 1 }
  const now = { ...before, epoch: 2, voters: ['a', 'b'], nodes: [a!, { ...b!, zone: 'rack-2' }, d] }
  t.match(configEvents(before, now), [
    { kind: 'NODE_JOINED', who: 'd', fields: { epoch: 2 } },
    { kind: 'NODE_REMOVED', who: c!.id },
    { kind: 'NODE_CHANGED', who: 'b', text: /zone rack-2/ },
    { kind: 'VOTERS_CHANGED', fields: { voters: ['a', 'b'] } },
    { kind: 'CONFIG_CHANGED', text: /^Epoch 2 is in force/ },
  ])
  t.match(configEvents(before, { ...before, epoch: 2, joint: ['a'] }), [{ text: /change from 3 to 1\.$/ }])
})

t.test('the documented events are those that there are, and none has the name of a check', async (t) => {
  const architecture = readFileSync('ARCHITECTURE.md', 'utf8')
  const table = architecture.slice(
    architecture.indexOf('| event '),
    architecture.indexOf('The metrics are one table'),
  )
  const documented = [...table.matchAll(/^\| ([A-Z_, ]+?) +\|/gm)].flatMap(([, names = '']) =>
    names.split(', '),
  )
  const known = [...Object.keys(EVENT_KINDS), ...Object.keys(CHECK_EVENTS)]
  t.strictSame(documented.toSorted(), known.toSorted())
  const names: readonly string[] = CHECK_CODES
  t.strictSame(
    known.filter((name) => names.includes(name)),
    [],
  )
})
