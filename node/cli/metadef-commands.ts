/** `serac metadefs …`, of which the stock definitions of Glance's packages come into the cluster. */
import { type Command, Option } from 'commander'
import type { LoadMode } from '../status/metadef-admin.ts'
import type { CliIo } from './cli-io.ts'
import { withFormat, withUrl } from './cluster-commands.ts'
import { exportMetadefs, loadMetadefs, STOCK_PATH, unloadMetadefs } from './metadefs.ts'
import type { StatusFormat } from './status-view.ts'

type Finish = (exitCode: number) => void

interface Asking {
  url: string
  format: StatusFormat
}

type LoadFlags = Asking & { merge?: true; preferNew?: true; overwrite?: true }

export function addMetadefCommands(program: Command, io: CliIo, finish: Finish): void {
  const metadefs = program.command('metadefs').description('Metadata definitions, from files and into files.')
  const load = metadefs
    .command('load')
    .description('Load namespaces from a file, or from all *.json of a directory. Those that are there stay.')
    .argument('[path]', 'file or directory', STOCK_PATH)
    .addOption(new Option('--merge', 'add what a namespace lacks').conflicts(['preferNew', 'overwrite']))
    .addOption(new Option('--prefer-new', 'add it, and change what is there').conflicts('overwrite'))
    .option('--overwrite', 'leave nothing else in a namespace')
  withFormat(withUrl(load)).action(async (path: string, flags: LoadFlags) => {
    finish(await loadMetadefs(path, { ...flags, mode: modeOf(flags) }, io))
  })
  const unload = metadefs
    .command('unload')
    .description('Take namespaces out, protected or not.')
    .argument('[names...]', 'names of namespaces')
    .option('--all', 'all there are')
    .option('--yes', 'do not ask')
  withFormat(withUrl(unload)).action(async (names: string[], flags: Asking & { all?: true; yes?: true }) => {
    const { all = false, yes = false, ...asking } = flags
    finish(await unloadMetadefs(names, { ...asking, all, yes }, io))
  })
  const export_ = metadefs
    .command('export')
    .description('Write a file for each namespace, which can be loaded again.')
    .argument('<directory>', 'where to; made when it is not there')
  withFormat(withUrl(export_)).action(async (directory: string, flags: Asking) => {
    finish(await exportMetadefs(directory, flags, io))
  })
}

function modeOf({ merge, preferNew, overwrite }: LoadFlags): LoadMode {
  if (overwrite) return 'overwrite'
  if (preferNew) return 'prefer-new'
  return merge ? 'merge' : 'keep'
}
