/** Control planes and bare hosts on loopback, all in this process. */
import { once } from 'node:events'
import type { Test } from 'tap'
import type { ClusterConfig, MemberNode } from '../../cluster/membership/cluster-config.ts'
import { ControlPlane, type ControlPlaneInit } from '../../cluster/membership/control-plane.ts'
import { Host } from '../../cluster/network/host.ts'
import { createIdentity, type NodeIdentity } from '../../cluster/network/identity.ts'
import { Rpc } from '../../cluster/network/rpc.ts'
import { type Log, silentLog, systemClock, systemRandom } from '../../cluster/runtime.ts'

export interface TestConfig extends ClusterConfig {
  clusterId: string
}

export function identities(count: number): NodeIdentity[] {
  const made = Array.from({ length: count }, () => createIdentity(systemRandom))
  // In dial order: each dials those after it.
  return made.sort((a, b) => (a.id < b.id ? -1 : 1))
}

export function member(id: string, address: string): MemberNode {
  return { id, address, role: 'voter', zone: null, weight: 1 }
}

/** The cluster config of these nodes; change it to move them. */
export function configOf(nodes: MemberNode[], clusterId = 'c'.repeat(32)): TestConfig {
  const voters = nodes.map(({ id }) => id)
  return {
    clusterId,
    epoch: 1,
    voters,
    joint: null,
    nodes,
    databases: {},
    invites: [],
    removed: [],
    featureLevel: 1,
  }
}

/** An address where nobody listens: the discard port. */
export const NOWHERE = '127.0.0.1:9'

export function controlPlane(
  identity: NodeIdentity,
  config: ClusterConfig,
  init: Partial<ControlPlaneInit> = {},
  log: Log = silentLog,
): ControlPlane {
  const facts = () => ({
    dbUuid: `db-${identity.id}`,
    version: '0.1.0',
    apiUrl: `http://${identity.id}`,
    bulkAddress: '127.0.0.1:1',
    controlAddress: '',
  })
  const components = {
    identity,
    config: { current: () => config },
    clock: systemClock,
    random: systemRandom,
    log,
  }
  return new ControlPlane(components, { listen: '127.0.0.1:0', facts, describe: () => null, ...init })
}

/** Starts it and writes its real address into the config that all share. */
export async function startIn(plane: ControlPlane, config: ClusterConfig, id: string): Promise<void> {
  await plane.start()
  const node = config.nodes.find((candidate) => candidate.id === id)
  if (node) node.address = plane.address
}

/** Resolves when `plane` has a link to every one of `ids`. */
export async function linkedTo(plane: ControlPlane, ids: string[]): Promise<void> {
  while (!ids.every((id) => plane.peers.linkTo(id))) await once(plane, 'linked')
}

export interface BareNode {
  identity: NodeIdentity
  host: Host
  rpc: Rpc
}

/** A host with requests on top, and any open connection as link: no membership. */
export async function bareNode(
  identity: NodeIdentity,
  allowed: () => readonly string[],
  clusterId = () => 'one',
  log: Log = silentLog,
): Promise<BareNode> {
  const isAllowed = (peer: string) => allowed().includes(peer)
  const host = new Host({ identity, log }, { listen: '127.0.0.1:0', isAllowed })
  const linkTo = (peer: string) => host.links.find((link) => link.peer === peer) ?? null
  const rpc = new Rpc({ host, clock: systemClock, log }, { clusterId, epoch: () => 1, linkTo })
  await host.start()
  return { identity, host, rpc }
}

/** Two of them, the first of which has dialled the second; `log` is the second's. They stop with the test. */
export async function linkedPair(
  t: Test,
  log: Log = silentLog,
  clusterIds = ['one', 'one'],
): Promise<[BareNode, BareNode]> {
  const keys = identities(2)
  const ids = keys.map(({ id }) => id)
  const [asker, answerer] = await Promise.all([
    bareNode(
      keys[0]!,
      () => ids,
      () => clusterIds[0]!,
    ),
    bareNode(
      keys[1]!,
      () => ids,
      () => clusterIds[1]!,
      log,
    ),
  ])
  t.teardown(() => Promise.all([asker.host.stop(), answerer.host.stop()]))
  const accepted = once(answerer.host, 'open')
  await asker.host.dial(answerer.host.id, answerer.host.address)
  await accepted
  return [asker, answerer]
}
