/** `serac recover --from-this-node`: the way out of a lost majority (R10). Offline, and never without a word typed by hand. */
import type { ClusterConfig, MemberNode } from '../../cluster/membership/cluster-config.ts'
import { CONFIG_KEY, genesisConfig } from '../../cluster/register/config-register.ts'
import { configInStore, recoverAlone } from '../../cluster/register/lone-voter.ts'
import { systemRandom } from '../../cluster/runtime.ts'
import { ownAddress } from '../composition/start-config.ts'
import type { ConfigPaths } from '../config/config-files.ts'
import type { SeracConfig } from '../config/options.ts'
import { wordWrap } from '../config/word-wrap.ts'
import { imageIdOf } from '../images/image-operations.ts'
import { storedData } from '../images/image-record.ts'
import { toKnown } from '../images/image-registers.ts'
import { readFormat } from '../store/format-version.ts'
import type { Store } from '../store/store.ts'
import { type CliIo, EXIT_FAILED, EXIT_OK } from './cli-io.ts'
import { loadNode, withStore } from './offline-node.ts'

/** What recovery from this node may lose, as far as this node can know. */
export interface Losses {
  /** Votes that cannot be read. */
  damagedVotes: number
  /** Images of which a newer state may be known elsewhere, or whose last change may never have been acknowledged. */
  unsettled: string[]
  /** Images with data that is not whole here. */
  incomplete: string[]
}

const COLUMNS = 80
/** Ids that are listed by name. */
const LISTED_MAX = 20

/** `confirmedId`: the cluster id given on the command line, for scripts. Resolves with the exit code. */
export async function recoverCommand(
  confirmedId: string | null,
  paths: ConfigPaths,
  io: CliIo,
): Promise<number> {
  const node = await loadNode(paths, io)
  const found = await readFormat(node.config.default.statePath, node.identity.id)
  if (!found)
    throw new Error(`there is no store in ${node.config.default.statePath}: nothing to recover from`)
  return withStore(node, async (store) => {
    const before = configBefore(store, node.config)
    const oldId = store.clusterId ?? before.clusterId
    io.print(describeLosses(await lossesIn(store), before, oldId))
    if (!(await isConfirmed(confirmedId, oldId, io))) return EXIT_FAILED
    const self = memberOf(before, node.identity.id, node.config)
    const { config, registers } = await recoverAlone(store.registers, before, self, systemRandom)
    await store.setClusterId(config.clusterId)
    io.print(
      `Recovered ${registers} registers into cluster ${config.clusterId}, epoch ${config.epoch}, of this node alone.\n` +
        'Start it with "serac start". Empty the data directories of the other nodes, then let them join with\n' +
        '"serac invite" and "serac join".\n',
    )
    return EXIT_OK
  })
}

export async function lossesIn({ registers, chunks }: Store): Promise<Losses> {
  let damagedVotes = 0
  for await (const row of registers.voteRows()) if (!row) damagedVotes++
  const unsettled = registers.unsettledKeys().flatMap((key) => imageIdOf(key) ?? [])
  const incomplete: string[] = []
  for (const key of registers.learnedKeys()) {
    const row = imageIdOf(key) === null ? null : registers.learned(key)
    if (!row) continue
    const { live, record } = toKnown(row.value)
    if (live && storedData(record).some(({ root }) => !chunks.isHeld(root))) incomplete.push(record.id)
  }
  return { damagedVotes, unsettled, incomplete }
}

function describeLosses(losses: Losses, { nodes }: ClusterConfig, clusterId: string): string {
  const { damagedVotes, unsettled, incomplete } = losses
  const paragraphs = [
    `This makes node directory and metadata of this node the whole cluster. Do it only when a majority of the voters ` +
      `of cluster ${clusterId} (${nodes.length} nodes) is lost for good. The others must not be started again with ` +
      `their old data.`,
    `Changes of images that this node never heard of are lost; it cannot say which.`,
    `Votes of this node that cannot be read: ${damagedVotes}.`,
    `Images whose last change may never have been acknowledged: ${listed(unsettled)}.`,
    `Images whose data is not whole on this node: ${listed(incomplete)}.`,
  ]
  return `${paragraphs.map((text) => wordWrap(text, COLUMNS).join('\n')).join('\n\n')}\n\n`
}

function listed(ids: readonly string[]): string {
  if (ids.length === 0) return 'none'
  const rest = ids.length - LISTED_MAX
  return `${ids.length} (${ids.slice(0, LISTED_MAX).join(', ')}${rest > 0 ? ` and ${rest} more` : ''})`
}

async function isConfirmed(confirmedId: string | null, clusterId: string, io: CliIo): Promise<boolean> {
  const typed = confirmedId ?? (await io.ask(`Type the cluster id to go on: `))
  if (typed?.trim() === clusterId) return true
  io.complain(
    typed === null
      ? 'serac: nothing was changed: there is no terminal to ask at; see --yes-i-may-lose-data\n'
      : `serac: nothing was changed: that is not the id of this cluster, ${clusterId}\n`,
  )
  return false
}

function configBefore(store: Store, { cluster }: SeracConfig): ClusterConfig {
  const known = configInStore(store.registers)
  if (known) return known
  if (cluster.initialMembers.length > 0) return genesisConfig(cluster.initialMembers)
  throw new Error(
    `this store has no cluster config (register ${CONFIG_KEY}): the node never belonged to a cluster`,
  )
}

function memberOf({ nodes }: ClusterConfig, self: string, config: SeracConfig): MemberNode {
  const known = nodes.find(({ id }) => id === self)
  return known ?? { id: self, address: ownAddress(config), role: 'voter', zone: null, weight: 1 }
}
