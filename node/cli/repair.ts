/** `serac repair --forget-votes`: takes a copied or restored data directory as this node's own, without its votes (R8). */
import type { ConfigPaths } from '../config/config-files.ts'
import { readFormat } from '../store/format-version.ts'
import { type CliIo, EXIT_OK } from './cli-io.ts'
import { loadNode, withStore } from './offline-node.ts'

/** Resolves with the exit code. Throws an Error for the operator. */
export async function forgetVotesCommand(paths: ConfigPaths, io: CliIo): Promise<number> {
  const node = await loadNode(paths, io)
  const { statePath } = node.config.default
  const found = await readFormat(statePath, node.identity.id)
  if (!found) throw new Error(`there is no store in ${statePath}: nothing to repair`)
  await withStore(node, async () => {}, { forgetVotes: true })
  io.print(
    'This node has forgotten its votes. Start it: it votes again once the other voters have let it in, which\n' +
      'they do by themselves while they are a majority. If it is the only voter, run "serac recover\n' +
      '--from-this-node" first.\n',
  )
  return EXIT_OK
}
