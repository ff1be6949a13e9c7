/** `serac init`: founds a cluster of this node alone. */
import { connect } from 'node:net'
import { once } from 'node:events'
import { parseHostPort } from '../../cluster/network/address.ts'
import { configInStore, foundCluster } from '../../cluster/register/lone-voter.ts'
import { systemRandom } from '../../cluster/runtime.ts'
import { ownAddress } from '../composition/start-config.ts'
import type { ConfigPaths } from '../config/config-files.ts'
import { readFormat } from '../store/format-version.ts'
import type { Store } from '../store/store.ts'
import { type CliIo, EXIT_OK } from './cli-io.ts'
import { loadNode, withStore, type OfflineNode } from './offline-node.ts'

/** A node on the same network accepts within milliseconds. */
const SEED_LIMIT_MS = 2000

/** Resolves with the exit code. Throws an Error for the operator when a cluster is there already. May be repeated after a crash. */
export async function initCommand(
  { zone, weight }: { zone: string | null; weight: number },
  paths: ConfigPaths,
  io: CliIo,
): Promise<number> {
  const node = await loadNode(paths, io)
  await refuseMember(node)
  await refuseLivingSeeds(node)
  const address = ownAddress(node.config)
  const config = await withStore(node, async (store) => {
    refuseKnownCluster(node, store)
    const self = { id: node.identity.id, address, role: 'voter' as const, zone, weight }
    const founded = await foundCluster(store.registers, self, systemRandom)
    await store.setClusterId(founded.clusterId)
    return founded
  })
  io.print(
    `Founded cluster ${config.clusterId} with this node (${node.identity.id}) at ${address}.\n` +
      'Start it with "serac start"; then "serac invite" lets others join.\n',
  )
  return EXIT_OK
}

async function refuseMember({ config, identity }: Omit<OfflineNode, 'store'>): Promise<void> {
  const { statePath } = config.default
  const found = await readFormat(statePath, identity.id)
  const clusterId = found?.format.clusterId
  if (clusterId) throw belongsAlready(statePath, clusterId)
}

/** Without the cluster id in FORMAT: an earlier init was cut off at its very end. */
function refuseKnownCluster({ config }: Omit<OfflineNode, 'store'>, store: Store): void {
  const known = configInStore(store.registers)
  if (known) throw belongsAlready(config.default.statePath, known.clusterId)
}

function belongsAlready(directory: string, clusterId: string): Error {
  return new Error(
    `${directory} belongs to cluster ${clusterId} already: start the node, or take an empty directory`,
  )
}

async function refuseLivingSeeds({ config, identity }: Omit<OfflineNode, 'store'>): Promise<void> {
  for (const { id, address } of config.cluster.initialMembers) {
    if (id === identity.id || !(await answers(address))) continue
    throw new Error(
      `${address}, one of initial_members, answers: a cluster is there already. ` +
        `Start this node as one of its founders with "serac start", or join it with an invite`,
    )
  }
}

async function answers(address: string): Promise<boolean> {
  const socket = connect({ ...parseHostPort(address), timeout: SEED_LIMIT_MS })
  try {
    const silence = once(socket, 'timeout').then(() => false)
    return await Promise.race([once(socket, 'connect').then(() => true), silence])
  } catch {
    return false
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}
