/** `serac join TOKEN`: makes this node a member of the cluster that an invite comes from. */
import { findCluster } from '../../cluster/membership/find-cluster.ts'
import { decodeInvite, type InviteHost, type InviteToken } from '../../cluster/membership/invite-token.ts'
import { openHyperswarm } from '../../cluster/network/hyperswarm.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { PUBLIC_BOOTSTRAP } from '../../cluster/network/swarm-port.ts'
import { configIn, CONFIG_KEY } from '../../cluster/register/config-register.ts'
import { askToJoin } from '../../cluster/register/join-client.ts'
import { configInStore } from '../../cluster/register/lone-voter.ts'
import { silentLog, systemClock } from '../../cluster/runtime.ts'
import { rendezvousHost } from '../composition/build-rendezvous.ts'
import { ownAddress } from '../composition/start-config.ts'
import type { ConfigPaths } from '../config/config-files.ts'
import type { SeracConfig } from '../config/options.ts'
import type { Store } from '../store/store.ts'
import { type CliIo, EXIT_OK } from './cli-io.ts'
import { loadNode, withStore } from './offline-node.ts'

export interface JoinFlags {
  role: 'storage' | 'edge'
  zone: string | null
  weight: number
}

/** Resolves with the exit code. Throws an Error for the operator. May be repeated with the same invite after a crash. */
export async function joinCommand(
  invite: string,
  flags: JoinFlags,
  paths: ConfigPaths,
  io: CliIo,
): Promise<number> {
  const token = decodeInvite(invite)
  const { config, identity } = await loadNode(paths, io)
  const address = ownAddress(config)
  await withStore({ config, identity }, async (store) => {
    if (isMemberAlready(store, token, identity.id)) return
    const hosts = await hostsOf(token, config, identity.id, io)
    const row = await askToJoin(
      { identity, clock: systemClock, log: silentLog },
      { ...token, hosts },
      { ...flags, address },
      { bindHost: config.cluster.bindHost },
    )
    if (configIn(row).clusterId !== token.clusterId)
      throw new Error(`the voters of the invite belong to another cluster by now: ask for a new invite`)
    await store.registers.keepConfig(row)
    await store.registers.learn(CONFIG_KEY, row)
    await store.setClusterId(token.clusterId)
  })
  io.print(
    `Node ${identity.id} belongs to cluster ${token.clusterId} as ${flags.role} node at ${address}.\n` +
      'Start it with "serac start"; "serac voters" makes it vote.\n',
  )
  return EXIT_OK
}

/** Whom to ask: named by the invite, or to be found by it. Throws as `findCluster`. */
async function hostsOf(
  token: InviteToken,
  { cluster }: SeracConfig,
  self: NodeId,
  io: CliIo,
): Promise<InviteHost[]> {
  if (token.rendezvous.length === 0) return token.hosts
  const own = cluster.rendezvousBootstrap
  // It may reach them by other addresses than the node that made the invite.
  const bootstrap = own.length > 0 ? own : token.rendezvous
  if (bootstrap.includes(PUBLIC_BOOTSTRAP) && own.length === 0)
    throw new Error(
      'this invite is for the public hash table: set [cluster] rendezvous_bootstrap = public if this node may ask it, ' +
        'or have an invite made with --addresses',
    )
  io.complain('Looking for the cluster ...\n')
  const components = { self, clock: systemClock, openSwarm: openHyperswarm }
  return findCluster(components, token, { bootstrap, bindHost: rendezvousHost(cluster.bindHost) })
}

/** Whether an earlier run got as far as that. Throws when the directory belongs elsewhere. */
function isMemberAlready(store: Store, { clusterId }: InviteToken, self: string): boolean {
  const known = configInStore(store.registers)
  const present = known?.clusterId ?? store.clusterId
  if (present !== null && present !== clusterId)
    throw new Error(
      `the data directory belongs to cluster ${present}, the invite to cluster ${clusterId}: ` +
        `a node joins with an empty directory`,
    )
  return known?.nodes.some(({ id }) => id === self) ?? false
}
