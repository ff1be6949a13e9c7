/** Does to real nodes what the schedule says, and undoes it. */
import type { DevCluster } from '../../../deploy/dev/dev-cluster.ts'
import type { Fault, FaultKind } from './fault-schedule.ts'
import type { TestNetwork, Undo } from './test-network.ts'

export interface FaultRunnerComponents {
  cluster: DevCluster
  /** null: no fault of the network may be in the schedule. */
  network: TestNetwork | null
  /** Resolves at this many ms since the run began; rejects when the run is interrupted. */
  until: (atMs: number) => Promise<void>
}

export class FaultRunner {
  /** Faults that came to pass. A node that is down or paused already is left alone. */
  readonly done: Fault[] = []
  readonly #components: FaultRunnerComponents
  /** Nodes that are killed or paused now. */
  readonly #away = new Set<number>()

  constructor(components: FaultRunnerComponents) {
    this.#components = components
  }

  /** `faults` in the order of their start. Resolves when all are over and undone; rejects when one could not be done. */
  async run(faults: readonly Fault[]): Promise<void> {
    const running: Promise<Error | null>[] = []
    const started = this.#startAll(faults, running).then(() => null, toError)
    const failures = [await started, ...(await Promise.all(running))]
    const failure = failures.find((error) => error !== null)
    if (failure) throw failure
  }

  async #startAll(faults: readonly Fault[], running: Promise<Error | null>[]): Promise<void> {
    for (const fault of faults) {
      await this.#components.until(fault.fromMs)
      running.push(this.#runOne(fault).then(() => null, toError))
    }
  }

  async #runOne(fault: Fault): Promise<void> {
    const { until } = this.#components
    const nodes = this.#nodesTakenBy(fault)
    if (nodes.some((node) => this.#away.has(node))) return
    for (const node of nodes) this.#away.add(node)
    this.done.push(fault)
    const undo = await this.#begin(fault, nodes)
    await until(fault.toMs)
    await undo()
    for (const node of nodes) this.#away.delete(node)
  }

  #nodesTakenBy({ kind, node }: Fault): number[] {
    if (kind === 'kill-majority') return this.#others(node)
    return kind === 'kill' || kind === 'pause' || kind === 'hang' ? [node] : []
  }

  async #begin({ kind, node, other }: Fault, nodes: readonly number[]): Promise<Undo> {
    switch (kind) {
      case 'kill':
      case 'kill-majority':
        return this.#kill(nodes)
      case 'pause':
      case 'hang':
        return this.#pause(node)
      case 'cut':
        return this.#disturb([
          [node, other],
          [other, node],
        ])
      case 'isolate':
        return this.#disturb([...this.#linksTo(node), ...this.#linksTo(node).map(turned)])
      case 'deafen':
        return this.#disturb(this.#linksTo(node))
      case 'lossy':
        return this.#disturb(this.#linksTo(node), 'lossy')
    }
  }

  async #kill(nodes: readonly number[]): Promise<Undo> {
    const { cluster } = this.#components
    await Promise.all(nodes.map((node) => cluster.node(node).process.kill()))
    return async () => void (await Promise.all(nodes.map((node) => cluster.start(node))))
  }

  async #pause(node: number): Promise<Undo> {
    const { process } = this.#components.cluster.node(node)
    await process.pause()
    return () => process.resume()
  }

  async #disturb(links: readonly Link[], kind: FaultKind = 'cut'): Promise<Undo> {
    const { network } = this.#components
    if (!network) throw new Error('a link cannot be cut here: the nodes have no network of their own')
    const undos = await Promise.all(
      links.map(([from, to]) =>
        kind === 'lossy' ? network.loseSome(from, to) : network.cutOneWay(from, to),
      ),
    )
    return async () => void (await Promise.all(undos.map((undo) => undo())))
  }

  #linksTo(node: number): Link[] {
    return this.#others(node).map((other) => [other, node] as const)
  }

  #others(node: number): number[] {
    return this.#components.cluster.nodes.map(({ index }) => index).filter((index) => index !== node)
  }
}

type Link = readonly [from: number, to: number]

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function turned([from, to]: Link): Link {
  return [to, from]
}
