/** What a node exposes, and that documents, alerts and dashboard speak of nothing else. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { buildOperatorServer } from '../../../api/status/status-routes.ts'
import { CHECK_CODES } from '../../../node/status/check-codes.ts'
import type { NodeCounts } from '../../../node/status/metrics/figures.ts'
import { METRICS, type Metric } from '../../../node/status/metrics/metric-table.ts'
import { NodeMetrics } from '../../../node/status/metrics/node-metrics.ts'
import type { ClusterStatus } from '../../../node/status/status-types.ts'
import { accessFor, operatorComponents } from '../../helpers/operator-components.ts'
import { CONDITIONS } from './conditions.ts'
import { clusterOf, own } from './report-fixture.ts'

const counts: NodeCounts = {
  api: { connections: 2, receivedBytes: 1000, sentBytes: 2000 },
  transfers: 1,
  oldGlance: { shown: 8, opened: 1, absent: 0, failed: 0 },
  bulk: { receivedBytes: 30, sentBytes: 40 },
  registers: {
    operations: { done: 5, refused: 1, failed: 0 },
    reads: { done: 7, failed: 2 },
    rounds: 9,
    roundsLost: 1,
  },
  repair: { images: 1, chunks: 2, bytes: 3 },
  heldImages: 4,
  epoch: 6,
}
const loop = {
  ...{ name: 'updater', state: 'paused' as const, lastError: 'x', runs: 3, lastRunAt: null },
  ...{ queue: { depth: 8, oldestAgeMs: 1500 }, rate: null, progress: null },
}
const integrity = { pass: 2, position: 0.25, found: 3, healed: 1, quarantined: 2, lastPassEndedAt: null }
const figures = { ...own, loops: [loop], integrity, eventLoopDelay: { p99Ms: 20, maxMs: 100 } }

function metricsOf(status: ClusterStatus | null = null): NodeMetrics {
  return new NodeMetrics({
    own: () => figures,
    counts: () => counts,
    cluster: () => status && { status, ageMs: 5000 },
    startedMs: 1_700_000_000_000,
  })
}

/** Each line that is no comment, by name and labels. */
async function scrape(metrics: NodeMetrics): Promise<Map<string, string>> {
  const { text } = await metrics.page()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  )
}

t.test('what the node knows of itself', async (t) => {
  const lines = await scrape(metricsOf())
  const expected = {
    'serac_build_info{version="0.1.0",hashing="wasm"}': '1',
    serac_http_received_bytes_total: '1000',
    'serac_register_operations_total{outcome="refused"}': '1',
    serac_register_rounds_lost_total: '1',
    'serac_old_glance_requests_total{outcome="shown"}': '8',
    serac_repair_bytes_total: '3',
    serac_store_used_bytes: '10',
    'serac_loop_paused{loop="updater"}': '1',
    'serac_loop_failed{loop="updater"}': '1',
    'serac_loop_queue_oldest_age_seconds{loop="updater"}': '1.5',
    serac_audit_pass_ratio: '0.25',
    serac_event_loop_delay_p99_seconds: '0.02',
    process_start_time_seconds: '1700000000',
  }
  for (const [name, value] of Object.entries(expected)) t.equal(lines.get(name), value, name)
  t.ok(Number(lines.get('process_resident_memory_bytes')) > 1e6)
  t.match(lines.get('serac_store_reserve_bytes'), /^nan$/i, 'a release that does not say')
})

t.test('requests are counted by route and class, never by what they name', async (t) => {
  const metrics = metricsOf()
  const route = '/v2/images/:imageId'
  metrics.noteRequest({ method: 'GET', route, status: 200, elapsedMs: 3 })
  metrics.noteRequest({ method: 'GET', route, status: 206, elapsedMs: 30 })
  metrics.noteRequest({ method: 'GET', route: null, status: 404, elapsedMs: 1 })
  metrics.noteRequest({ method: 'PROPFIND', route: null, status: 405, elapsedMs: 1 })
  const lines = await scrape(metrics)
  const at = (labels: string) => lines.get(`serac_http_requests_total{${labels}}`)
  t.equal(at(`method="GET",route="${route}",status="2xx"`), '2')
  t.equal(at('method="GET",route="none",status="4xx"'), '1')
  t.equal(at('method="other",route="none",status="4xx"'), '1')
  const durations = 'serac_http_request_duration_seconds'
  t.equal(lines.get(`${durations}_bucket{le="0.005",method="GET",route="${route}"}`), '1')
  t.equal(lines.get(`${durations}_count{method="GET",route="${route}"}`), '2')
})

t.test(
  'the cluster: unknown at first, then as the status says, and what ends is shown no more',
  async (t) => {
    const unknown = await scrape(metricsOf())
    t.match(unknown.get('serac_cluster_voters_up'), /^nan$/i)
    t.notOk([...unknown.keys()].some((name) => name.startsWith('serac_cluster_verdict{')))
    const { report, network } = clusterOf()
    network.down.add('c')
    let status = await report.gather()
    const metrics = new NodeMetrics({
      own: () => figures,
      counts: () => counts,
      cluster: () => ({ status, ageMs: 5000 }),
      startedMs: 0,
    })
    const down = 'serac_cluster_checks{code="NODE_DOWN",severity="warning",muted="false"}'
    const degraded = await scrape(metrics)
    t.match(Object.fromEntries(degraded), {
      [down]: '1',
      'serac_cluster_verdict{verdict="DEGRADED"}': '1',
      'serac_cluster_verdict{verdict="HEALTHY"}': '0',
      'serac_cluster_nodes{state="unknown"}': '1',
      serac_cluster_voters_up: '2',
      serac_cluster_status_age_seconds: '5',
      'serac_cluster_redundancy_images{state="under_replicated"}': '1',
    })
    network.down.clear()
    status = await report.gather()
    const well = await scrape(metrics)
    t.notOk(well.has(down))
    t.equal(well.get('serac_cluster_verdict{verdict="HEALTHY"}'), '1')
  },
)

t.test('names carry their unit, and every metric is exposed with its help and type', async (t) => {
  const { text, contentType } = await metricsOf().page()
  t.match(contentType, /^text\/plain; version=0\.0\.4/)
  for (const [name, { type, help }] of Object.entries<Metric>(METRICS)) {
    t.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name)
    t.equal(name.endsWith('_total'), type === 'counter', name)
  }
  t.equal(text.match(/^# TYPE /gm)?.length, Object.keys(METRICS).length)
})

t.test('the documented metrics are those that there are', async (t) => {
  const rows = readFileSync('deploy/prometheus/metrics.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.trim()),
    )
  const expected = Object.entries<Metric>(METRICS).map(([name, { type, labels = [], help }]) => [
    `\`${name}\``,
    type,
    labels.join(', '),
    help,
  ])
  t.strictSame(rows, expected)
})

interface Rule {
  alert: string
  expr: string
  annotations: { check?: string; summary: string; remedy: string }
}

const alerts = parse(readFileSync('deploy/prometheus/alerts.yaml', 'utf8')) as {
  groups: { rules: Rule[] }[]
}
const rules = alerts.groups.flatMap((group) => group.rules)
const dashboard = JSON.parse(readFileSync('deploy/grafana/serac.json', 'utf8')) as {
  panels: { title: string; targets: { expr: string }[] }[]
}

t.test('alerts and dashboard speak of metrics and labels that there are', async (t) => {
  const queries = [
    ...rules.map(({ alert, expr }) => [alert, expr]),
    ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr])),
  ] as [string, string][]
  t.ok(queries.length > 30)
  for (const [title, expr] of queries)
    for (const [, whole = '', selector = ''] of expr.matchAll(
      /\b((?:serac|process|nodejs)_\w+)(\{[^}]*\})?/g,
    )) {
      const name = whole.replace(/_(bucket|count|sum)$/, '')
      const metric = (METRICS as Readonly<Record<string, Metric>>)[name]
      t.ok(metric, `${title}: ${whole}`)
      const labels = [...selector.matchAll(/(\w+)(?:=|!=|=~|!~)"/g)].map(([, label = '']) => label)
      for (const label of labels)
        t.ok(
          ['job', 'instance', ...(metric?.labels ?? [])].includes(label),
          `${title}: ${whole} has ${label}`,
        )
    }
})

t.test('whatever check may be worth a call has its alert, with its remedy', async (t) => {
  const byCheck = new Map(rules.map((rule) => [rule.annotations.check, rule]))
  const mayWarn = ['CHUNKS_LOST']
  for (const code of CHECK_CODES) {
    const { severity, inject } = CONDITIONS[code]
    const rule = byCheck.get(code)
    byCheck.delete(code)
    if (severity === 'info' && !mayWarn.includes(code)) {
      t.notOk(rule, code)
      continue
    }
    const world = clusterOf()
    await inject(world)
    const check = (await world.report.gather()).checks.find((each) => each.code === code)
    t.match(rule?.expr, `code="${code}"`)
    t.equal(rule?.annotations.remedy, check?.remedy, code)
  }
  t.strictSame([...byCheck.keys()], [undefined], 'no alert of a check that there is not')
  for (const { alert, annotations } of rules) t.ok(annotations.summary && annotations.remedy, alert)
})

t.test('the operator port asks for its token here, too', async (t) => {
  const app = buildOperatorServer(
    operatorComponents({ metrics: metricsOf(), access: accessFor({ isOpen: false, token: 'secret' }) }),
    { disableFile: '/nonexistent/disable', clientPauseMs: 1000 },
  )
  t.teardown(() => app.close())
  t.equal((await app.inject('/metrics')).statusCode, 401)
  const answer = await app.inject({ url: '/metrics', headers: { authorization: 'Bearer secret' } })
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, { 'content-type': /^text\/plain; version=0\.0\.4/, 'cache-control': 'no-store' })
  t.match(answer.body, /^serac_quorum 1$/m)
})
