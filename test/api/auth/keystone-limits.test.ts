/** The limits of projects, from what Keystone answers. */
import t from 'tap'
import { KeystoneLimits, type KeystoneLimitsOptions } from '../../../api/auth/keystone-limits.ts'
import type { KeystoneAnswer } from '../../../api/auth/keystone-transport.ts'
import { type LogEntry, recordingLog } from '../../helpers/api-server.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

const CACHE_MS = 60_000
const ENDPOINT = { id: 'e1', service_id: 's1', region_id: 'north' }

function registered(name: string, limit: number) {
  return { resource_name: name, default_limit: limit, service_id: 's1', region_id: 'north' }
}

function own(name: string, limit: number, project = 'p1') {
  return { resource_name: name, resource_limit: limit, project_id: project }
}

/** Answers by path; what is not there is 404. */
function limitsOf(answers: Record<string, unknown>, options: Partial<KeystoneLimitsOptions> = {}) {
  const clock = new ManualClock('2026-02-03T04:05:06.789Z')
  const entries: LogEntry[] = []
  const asked: string[] = []
  const get = async (path: string): Promise<KeystoneAnswer> => {
    asked.push(path)
    const body = answers[path]
    if (body instanceof Error) throw body
    if (typeof body === 'number') return { status: body, headers: {}, body: null }
    return { status: body === undefined ? 404 : 200, headers: {}, body }
  }
  const limits = new KeystoneLimits(
    { clock, log: recordingLog(entries), session: { get } },
    { endpoint: { id: 'e1' }, cacheMs: CACHE_MS, ...options },
  )
  return { limits, asked, clock, entries, answers }
}

const ANSWERS = {
  '/endpoints/e1': { endpoint: ENDPOINT },
  '/registered_limits?service_id=s1&region_id=north': {
    registered_limits: [
      registered('image_count_total', 5),
      registered('image_size_total', 100),
      registered('image_count_uploading', -1),
      registered('volumes', 9),
    ],
  },
  '/limits?service_id=s1&region_id=north&project_id=p1': {
    limits: [own('image_count_total', 2), own('image_size_total', 7, 'p2')],
  },
  '/limits?service_id=s1&region_id=north&project_id=p%2F2': { limits: [] },
}

t.test("a project's own limits, else the registered ones, else nothing", async (t) => {
  const { limits, entries } = limitsOf({ ...ANSWERS })
  const common = { image_size_total: 100, image_stage_total: 0, image_count_uploading: -1 }
  t.strictSame(await limits.of('p1'), { ...common, image_count_total: 2 }, 'rows of others do not count')
  t.strictSame(await limits.of('p/2'), { ...common, image_count_total: 5 })
  t.match(entries, [{ level: 'warn', fields: { missing: ['image_stage_total'] } }])
})

t.test('the endpoint is found by its service', async (t) => {
  const { limits } = limitsOf(
    {
      ...ANSWERS,
      '/services?type=image': { services: [{ id: 's1' }] },
      '/endpoints?service_id=s1&region_id=north&interface=public': { endpoints: [ENDPOINT] },
    },
    { endpoint: { serviceName: null, serviceType: 'image', region: 'north', interface: 'public' } },
  )
  t.match(await limits.of('p1'), { image_count_total: 2 })
})

t.test('answers are good for a while, and one question does for all', async (t) => {
  const { limits, asked, clock, answers } = limitsOf({ ...ANSWERS })
  await Promise.all([limits.of('p1'), limits.of('p1'), limits.of('p/2')])
  t.equal(asked.length, 4)
  await clock.advance(CACHE_MS - 1)
  answers['/limits?service_id=s1&region_id=north&project_id=p1'] = { limits: [own('image_count_total', 3)] }
  t.match(await limits.of('p1'), { image_count_total: 2 })
  t.equal(asked.length, 4)
  await clock.advance(1)
  t.match(await limits.of('p1'), { image_count_total: 3 })
  t.equal(asked.length, 7, 'the registered ones again, too')
})

t.test('without an answer there are no limits but an error, which is not remembered', async (t) => {
  const path = '/limits?service_id=s1&region_id=north&project_id=p1'
  const { limits, answers, entries } = limitsOf({ ...ANSWERS, [path]: new Error('away') })
  await t.rejects(limits.of('p1'), { message: 'away' })
  answers[path] = 403
  await t.rejects(limits.of('p1'), { code: 'UNAVAILABLE', message: /does not tell the limits/ })
  t.match(entries.at(-1), { level: 'error', message: /give it the role reader on the system/ })
  answers[path] = { limits: null }
  await t.rejects(limits.of('p1'), { code: 'UNAVAILABLE' })
  answers[path] = ANSWERS[path]
  t.match(await limits.of('p1'), { image_count_total: 2 })
})

t.test('what the configuration names wrongly is in the log', async (t) => {
  const byType = { endpoint: { serviceName: null, serviceType: 'image', region: null, interface: 'public' } }
  for (const [answers, options, message] of [
    [{}, {}, /answered 404 about endpoints/],
    [{ '/endpoints/e1': { endpoint: {} } }, {}, /belongs to no service/],
    [{ '/services?type=image': { services: [] } }, byType, /0 services/],
    [{ '/services?type=image': { services: [{ id: 's1' }, { id: 's2' }] } }, byType, /2 services/],
  ] as const) {
    const { limits, entries } = limitsOf({ ...answers }, options)
    await t.rejects(limits.of('p1'), { code: 'UNAVAILABLE' })
    t.match(entries, [{ level: 'error', message }])
  }
})
