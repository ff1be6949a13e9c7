/** The status document, gathered from all nodes with a deadline; who does not answer is shown as unknown. */
import type { ClusterConfig, ConfigView, MemberNode } from '../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { drainedNodes, placedNodes, zoneOf } from '../../cluster/placement/placement-policy.ts'
import { isQuorum, majorityOf, voterSets } from '../../cluster/register/quorum.ts'
import type { Clock } from '../../cluster/runtime.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { StoreList } from '../images/store-list.ts'
import { TimeSlice } from '../images/time-slice.ts'
import type { OutView } from '../loops/out-nodes.ts'
import type { CheckCode } from './check-codes.ts'
import { DrainPace } from './drain-pace.ts'
import type { EventLog } from './event-log.ts'
import { findFaults, summaryOf, verdictOf } from './health-checks.ts'
import type { Mutes } from './mutes.ts'
import { decodeReport, encodeReport, heldBy, type NodeReport } from './node-report.ts'
import { fallThroughOf } from './old-glance-checks.ts'
import type { TaskRecord } from '../tasks/task-record.ts'
import { countRedundancy } from './redundancy.ts'
import { countStores } from './store-count.ts'
import { countWork } from './work-count.ts'
import type { StatusQuestions } from './status-questions.ts'
import type { Check, ClusterStatus, Finding, NodeStatus } from './status-types.ts'

export interface ClusterReportComponents {
  self: NodeId
  clock: Clock
  config: ConfigView
  questions: StatusQuestions
  mutes: Pick<Mutes, 'of' | 'merge'>
  /** Told of each check that begins or ends, while anybody looks. */
  events: Pick<EventLog, 'note'>
  /** State of a node as this one sees it. */
  stateOf: (id: NodeId) => NodeStatus['state']
  refusals: () => { peer: string; code: string; reason: string }[]
  /** Which nodes others stand in for, as this one sees it. */
  out: () => OutView
  /** What this node says of itself. */
  ownReport: () => NodeReport
  /** The images this node knows, or null while it has not caught up. */
  images: () => Iterable<ImageRecord> | null
  /** Those of this node: all are meant to have the same. */
  storeList: StoreList
  /** That this node knows. */
  tasks: () => Iterable<TaskRecord>
}

export class ClusterReport {
  readonly #components: ClusterReportComponents
  /** Since when each finding holds, by code and subject. */
  readonly #since = new Map<string, { at: string; code: CheckCode; who: string | null }>()
  readonly #drains: DrainPace
  #latest: { reports: ReadonlyMap<NodeId, NodeReport>; atMs: number } | null = null

  constructor(components: ClusterReportComponents) {
    this.#components = components
    this.#drains = new DrainPace(components.clock)
    components.questions.on('report', async () => encodeReport(components.ownReport()))
  }

  async gather(): Promise<ClusterStatus> {
    const { config, clock, images, storeList } = this.#components
    const current = config.current()
    const reports = await this.#askAll(current)
    const known = images()
    const all = known ? [...known] : null
    const redundancy = all && (await this.#countRedundancy(current, all, reports))
    this.#drains.look(redundancy?.onDrained ?? {})
    const nodes = current.nodes.map((node) => this.#nodeStatus(node, reports.get(node.id)))
    const partial = {
      clusterId: current.clusterId,
      epoch: current.epoch,
      featureLevel: current.featureLevel,
      nodes,
      voterChange: voterChange(current, reports),
      quorum: this.#quorum(current, reports),
      images: all && countImages(all),
      stores: all && (await countStores(all, storeList, new TimeSlice(() => clock.monotonicMs()))),
      work: all && countWork(all, this.#components.tasks()),
      redundancy,
      out: this.#components.out(),
      oldGlance: fallThroughOf(nodes, clock.wallMs()),
      as_of: new Date(clock.wallMs()).toISOString(),
    }
    const mutes = [...reports.values()].flatMap((report) => report.mutes)
    this.#components.mutes.merge(mutes)
    const findings = findFaults({
      ...partial,
      refusals: this.#components.refusals(),
      abstentions: abstentions(reports),
      blockedTombstones: [...reports.values()].flatMap(({ blockedTombstones }) => blockedTombstones ?? []),
    })
    const checks = this.#dated(findings)
    const counted = checks.filter(({ muted }) => muted === null)
    return { verdict: verdictOf(partial, counted), summary: summaryOf(partial), checks, ...partial }
  }

  /** What the nodes said of themselves, at most so long ago; asks them when nobody has. Those that do not answer are absent. */
  async reports(ageMsMax: number): Promise<{ reports: ReadonlyMap<NodeId, NodeReport>; ageMs: number }> {
    const { clock, config } = this.#components
    if (!this.#latest || clock.monotonicMs() - this.#latest.atMs > ageMsMax)
      await this.#askAll(config.current())
    const { reports, atMs } = this.#latest!
    return { reports, ageMs: clock.monotonicMs() - atMs }
  }

  #countRedundancy(config: ClusterConfig, images: ImageRecord[], reports: ReadonlyMap<NodeId, NodeReport>) {
    const { clock, out } = this.#components
    const slice = new TimeSlice(() => clock.monotonicMs())
    return countRedundancy({
      images: images.filter(hasData),
      placed: placementIn(config, new Set(out().out)),
      held: heldBy(reports),
      zones: new Map(
        config.nodes.filter(({ role }) => role !== 'edge').map((node) => [node.id, zoneOf(node)]),
      ),
      drained: drainedNodes(config),
      pause: async () => {
        if (slice.isOver()) await slice.pause()
      },
    })
  }

  async #askAll({ nodes }: ClusterConfig): Promise<ReadonlyMap<NodeId, NodeReport>> {
    const { questions, clock } = this.#components
    const atMs = clock.monotonicMs()
    const ids = nodes.map(({ id }) => id)
    const reports = await questions.askAll(ids, 'report', decodeReport)
    this.#latest = { reports, atMs }
    return reports
  }

  #nodeStatus(node: MemberNode, report: NodeReport | undefined): NodeStatus {
    const seen = this.#components.stateOf(node.id)
    const { id, address, role, zone } = node
    return {
      id,
      address,
      role,
      zone,
      state: report ? 'alive' : seen === 'alive' ? 'unknown' : seen,
      version: report?.version ?? null,
      featureLevel: report?.featureLevel ?? null,
      diskVersion: report?.diskVersion ?? null,
      api: report?.api ?? null,
      uptimeSeconds: report?.uptimeSeconds ?? null,
      imagesHeld: report ? report.heldRoots.length : null,
      caughtUp: report?.caughtUp ?? null,
      hashing: report?.hashing ?? null,
      readmission: report?.readmission ?? null,
      storedBytes: report?.storedBytes ?? null,
      freeBytes: report?.freeBytes ?? null,
      totalBytes: report?.totalBytes ?? null,
      forecast: report?.forecast ?? null,
      store: report?.store ?? null,
      integrity: report?.integrity ?? null,
      records: report?.records ?? null,
      loops: report?.loops ?? null,
      backends: report?.backends ?? null,
      eventLoopDelay: report?.eventLoopDelay ?? null,
      oldGlance: report?.oldGlance ?? null,
      cache: report?.cache ?? null,
      drain: node.drained ? this.#drains.of(node.id, report?.caughtUp === true) : null,
      ageSeconds: report ? 0 : null,
    }
  }

  #quorum(config: ClusterConfig, reports: ReadonlyMap<NodeId, NodeReport>): ClusterStatus['quorum'] {
    const isUp = (voter: NodeId) => reports.get(voter)?.abstains === null
    const votersTotal = config.voters.length
    return {
      votersUp: config.voters.filter(isUp).length,
      votersTotal,
      needed: majorityOf(votersTotal),
      canWrite: isQuorum(voterSets(config), isUp),
    }
  }

  /** Adds since when each finding holds, and whether it is muted; forgets those that ended. */
  #dated(findings: Finding[]): Check[] {
    const { clock, mutes, events } = this.#components
    const now = new Date(clock.wallMs()).toISOString()
    const names = new Set(findings.map(nameOf))
    for (const [name, { code, who }] of this.#since) {
      if (names.has(name)) continue
      this.#since.delete(name)
      events.note({ kind: code, severity: 'good', who, text: 'This check is over.' })
    }
    return findings.map((finding) => {
      const { code, who, severity, why } = finding
      const known = this.#since.get(nameOf(finding))
      if (!known) events.note({ kind: code, severity, who, text: why })
      const since = known?.at ?? now
      this.#since.set(nameOf(finding), { at: since, code, who })
      const mute = severity === 'critical' ? null : mutes.of(finding)
      return { ...finding, since, muted: mute && { reason: mute.reason, until: mute.until } }
    })
  }
}

function nameOf({ code, who }: Finding): string {
  return `${code} ${who ?? ''}`
}

/** The one who drives it tells how far it is. */
function voterChange(
  { voters, joint }: ClusterConfig,
  reports: ReadonlyMap<NodeId, NodeReport>,
): ClusterStatus['voterChange'] {
  if (!joint) return null
  const progress = [...reports.values()].flatMap((report) => report.voterChange ?? [])
  const furthest = progress.toSorted((a, b) => b.registers - a.registers)[0]
  return { from: voters, to: joint, progress: furthest ?? null }
}

function hasData(image: ImageRecord): boolean {
  return image.data !== null
}

function placementIn(config: ClusterConfig, out: ReadonlySet<NodeId>) {
  return (image: ImageRecord) => placedNodes(config, image.id, image.data?.copies ?? null, out)
}

function abstentions(reports: ReadonlyMap<NodeId, NodeReport>) {
  return [...reports].flatMap(([node, { abstains }]) =>
    abstains === null ? [] : [{ node, reason: abstains }],
  )
}

function countImages(images: readonly ImageRecord[]): NonNullable<ClusterStatus['images']> {
  const counts = { total: images.length, active: 0, queued: 0, saving: 0, other: 0 }
  for (const { status } of images) {
    if (status === 'active' || status === 'queued' || status === 'saving') counts[status]++
    else counts.other++
  }
  return counts
}
