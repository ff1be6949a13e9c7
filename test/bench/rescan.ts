/**
 * What a change of the voters costs, and what clients notice of it: one voter becomes three, then one of the three is
 * replaced, while clients read and change images at a modest rate.
 */
import type { BenchOptions, BenchRow } from './bench-report.ts'
import { GrowingCluster, type VotersChanged } from './growing-cluster.ts'
import { patchRequest, showRequest } from './requests.ts'
import { seededId } from './seeded-image.ts'
import { SteadyLoad, type SteadyResult } from './steady-load.ts'

const CLIENTS = 4
/** Some 100 reads and as many changes each second at most. */
const PAUSE_MS = 20
const MIB = 1024 ** 2

type Report = (row: BenchRow) => void

/** Rows for each size: the clients before and during each change, and what the change took. */
export async function benchRescan(options: BenchOptions, report: Report): Promise<void> {
  for (const images of options.images) await measure(images, options, report)
}

async function measure(images: number, { seconds, nodeFlags }: BenchOptions, report: Report): Promise<void> {
  const cluster = await GrowingCluster.create(4, nodeFlags)
  try {
    await cluster.found(images)
    for (const index of [1, 2, 3]) await cluster.join(index)
    const load = lightLoad(cluster, images)
    try {
      const steps: readonly [string, readonly number[]][] = [
        ['1 to 3', [0, 1, 2]],
        ['replace', [0, 1, 3]],
      ]
      for (const [name, voters] of steps) {
        load.take()
        await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
        reportLoad(`${name}, before`, images, load, report)
        const beganMs = performance.now()
        const change = await cluster.vote(voters)
        reportLoad(`${name}, during`, images, load, report)
        reportChange(name, images, performance.now() - beganMs, change, report)
      }
    } finally {
      await load.stop()
    }
  } finally {
    await cluster.down()
  }
}

/** At the node that votes all the time, and drives the change. */
function lightLoad(cluster: GrowingCluster, images: number): SteadyLoad {
  const anyId = () => seededId(Math.floor(Math.random() * images))
  return new SteadyLoad({
    ports: cluster.nodes.slice(0, 1).map(({ apiPort }) => apiPort),
    clients: CLIENTS,
    pauseMs: PAUSE_MS,
    next: (kind) => (kind === 'read' ? showRequest(anyId()) : patchRequest(anyId())),
  })
}

function reportLoad(when: string, images: number, load: SteadyLoad, report: Report): void {
  const results: [string, SteadyResult][] = Object.entries(load.take())
  for (const [kind, { perSecond, p50Ms, p99Ms, longestGapMs, failures, lastFailure }] of results) {
    const row = { where: 'voters', images, clients: CLIENTS }
    report({ ...row, name: `${when}: ${kind}`, perSecond, p50Ms, p99Ms })
    const valueText = `${longestGapMs.toFixed(0)} ms, ${failures} failed`
    report({ ...row, name: `${when}: ${kind} gap`, valueText })
    if (lastFailure !== null) console.error(`${when}: ${kind}: ${lastFailure}`)
  }
}

function reportChange(
  name: string,
  images: number,
  tookMs: number,
  change: VotersChanged,
  report: Report,
): void {
  const row = { where: 'voters', images }
  report({ ...row, name: `${name}: time`, valueText: `${(tookMs / 1000).toFixed(1)} s` })
  const copied = `${change.copied} of ${change.registers}, ${(change.copiedBytes / MIB).toFixed(1)} MiB`
  report({ ...row, name: `${name}: copied`, valueText: copied })
  report({ ...row, name: `${name}: rounds`, valueText: String(change.settled) })
}
