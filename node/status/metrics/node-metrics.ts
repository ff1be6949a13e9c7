/**
 * The metrics of a node in the text format of Prometheus. Requests are counted as they end; everything else is read when
 * somebody scrapes, from this node alone, so that a scrape never waits for another node.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { OwnFigures } from '../node-report.ts'
import type { ClusterStatus } from '../status-types.ts'
import {
  clusterFigures,
  countFigures,
  nodeFigures,
  processFigures,
  type Figures,
  type NodeCounts,
} from './figures.ts'
import { METRICS, type Metric, type MetricName } from './metric-table.ts'

export interface MetricSources {
  own: () => OwnFigures
  counts: () => NodeCounts
  /** The status as it was last gathered, by whomever. */
  cluster: () => { status: ClusterStatus; ageMs: number } | null
  /** Wall time. */
  startedMs: number
}

export interface ServedRequest {
  method: string
  /** The pattern of its path, never the path; null: there is none. */
  route: string | null
  status: number
  elapsedMs: number
}

/** Ready to be sent. */
export interface MetricsPage {
  contentType: string
  text: string
}

/** A parser takes three dozen methods; what nobody serves is counted as one. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

export class NodeMetrics {
  readonly #sources: MetricSources
  readonly #registry = new Registry()
  readonly #read = new Map<string, Counter | Gauge>()
  readonly #requests: Counter
  readonly #durations: Histogram

  constructor(sources: MetricSources) {
    this.#sources = sources
    const registers = [this.#registry]
    const settingsOf = (name: MetricName) => {
      const { help, labels = [] }: Metric = METRICS[name]
      return { name, help, labelNames: [...labels], registers }
    }
    this.#requests = new Counter(settingsOf('serac_http_requests_total'))
    const { buckets } = METRICS.serac_http_request_duration_seconds
    this.#durations = new Histogram({
      ...settingsOf('serac_http_request_duration_seconds'),
      buckets: [...buckets],
    })
    for (const name of Object.keys(METRICS) as MetricName[]) {
      if (this.#registry.getSingleMetric(name)) continue
      const make = METRICS[name].type === 'counter' ? Counter : Gauge
      this.#read.set(name, new make(settingsOf(name)))
    }
  }

  noteRequest({ method, route, status, elapsedMs }: ServedRequest): void {
    const labels = { method: METHODS.includes(method) ? method : 'other', route: route ?? 'none' }
    this.#requests.inc({ ...labels, status: `${Math.floor(status / 100)}xx` })
    this.#durations.observe(labels, elapsedMs / 1000)
  }

  async page(): Promise<MetricsPage> {
    const { own, counts, cluster, startedMs } = this.#sources
    this.#take({
      ...countFigures(counts()),
      ...nodeFigures(own()),
      ...processFigures(startedMs),
      ...clusterFigures(cluster()),
    })
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() }
  }

  /** What is not among the figures is not shown with an old value. */
  #take(figures: Figures): void {
    for (const [name, metric] of this.#read) {
      metric.reset()
      const figure = figures[name as MetricName] ?? []
      const samples = typeof figure === 'number' ? [{ labels: {}, value: figure }] : figure
      for (const { labels, value } of samples) {
        if (metric instanceof Gauge) metric.set(labels, value)
        else metric.inc(labels, value)
      }
    }
  }
}
