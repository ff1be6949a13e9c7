/** `serac join TOKEN`: makes this node a member of the cluster that an invite comes from. */
import { decodeInvite, type InviteToken } from '../../cluster/membership/invite-token.ts'
import { configIn, CONFIG_KEY } from '../../cluster/register/config-register.ts'
import { askToJoin } from '../../cluster/register/join-client.ts'
import { configInStore } from '../../cluster/register/lone-voter.ts'
import { silentLog, systemClock } from '../../cluster/runtime.ts'
import { ownAddress } from '../composition/start-config.ts'
import type { ConfigPaths } from '../config/config-files.ts'
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
    const row = await askToJoin(
      { identity, clock: systemClock, log: silentLog },
      token,
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
