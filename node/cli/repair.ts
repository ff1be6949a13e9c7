/**
 * `serac repair`: what a stopped node does only when an operator says so. `--forget-votes`: it takes a copied or restored
 * data directory, or one whose registers cannot be read, as its own, without its votes (R8). `--lost-segments`: it takes
 * an empty `seg/` for the one that is lost.
 */
import type { ConfigPaths } from '../config/config-files.ts'
import { readFormat } from '../store/format-version.ts'
import { type CliIo, EXIT_OK } from './cli-io.ts'
import { loadNode, withStore } from './offline-node.ts'

const VOTES_FORGOTTEN =
  'This node has forgotten its votes. Start it: it votes again once the other voters have let it in, which\n' +
  'they do by themselves while they are a majority. If it is the only voter, run "serac recover\n' +
  '--from-this-node" first.\n'

export interface RepairFlags {
  forgetVotes?: boolean
  lostSegments?: boolean
}

/** Resolves with the exit code. Throws an Error for the operator. */
export async function repairCommand(
  { forgetVotes = false, lostSegments = false }: RepairFlags,
  paths: ConfigPaths,
  io: CliIo,
): Promise<number> {
  if (!forgetVotes && !lostSegments) throw new Error('say what to repair: --forget-votes or --lost-segments')
  const node = await loadNode(paths, io)
  const { statePath } = node.config.default
  const found = await readFormat(statePath, node.identity.id)
  if (!found) throw new Error(`there is no store in ${statePath}: nothing to repair`)
  const lost = await withStore(node, async ({ chunks }) => chunks.findings.lostChunks, {
    forgetVotes,
    segmentsLost: lostSegments,
  })
  if (lostSegments)
    io.print(
      `${lost} chunks have left the index of this node. Start it: it pulls them again from the other nodes.\n`,
    )
  if (forgetVotes) io.print(VOTES_FORGOTTEN)
  return EXIT_OK
}
