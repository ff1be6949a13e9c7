/** The commands about stores: what is in each, and images that go from one to another. */
import type { Command } from 'commander'
import type { CliIo } from '../cli-io.ts'
import { withFormat, withUrl } from '../cluster-commands.ts'
import { parseCount } from '../parse-count.ts'
import { parseRate } from '../parse-rate.ts'
import type { StatusFormat } from '../status-view.ts'
import type { MigrateFlags } from './migrate.ts'

type Finish = (exitCode: number) => void

/** As many as a node moves at once. */
const PARALLEL_DEFAULT = 4
/** As many as may wait at a node. */
const PARALLEL_MAX = 32
const MIGRATE_HELP =
  'Images stay in use, and are downloaded all the while. Each is copied, compared with its hashes, read back from a back ' +
  'end, and then is no longer in the store that it comes from; what lies there is deleted behind that: the chunks of the ' +
  'cluster after [store] reclaim_grace. A run that was broken off is simply started again.\n' +
  'Exit code: 0 all images are there, 1 some need a look, 4 no node could be asked.'

export function addStoreCommands(program: Command, io: CliIo, finish: Finish): void {
  const stores = program
    .command('stores')
    .description('The stores that images are in: show them, move images from one to another.')
  const list = stores.command('list', { isDefault: true }).description('Show the stores and what is in each.')
  withFormat(withUrl(list)).action(async (flags: { url: string; format: StatusFormat }) => {
    const { storesCommand } = await import('./list-stores.ts')
    finish(await storesCommand(flags, io))
  })
  const migrate = stores
    .command('migrate')
    .description('Move images from one store to another while they are in use: all, or those that are named.')
    .requiredOption('--from <store>', 'id of the store that they are in')
    .requiredOption('--to <store>', 'id of the store that they go to')
    .option('--image <id...>', 'only these images')
    .option('--keep-source', 'they stay where they are as well')
    .option(
      '--rate <rate>',
      'most that is moved in a second, of all moves of the node, as in 50MiB',
      parseRate,
    )
    .option('--dry-run', 'only show what would be moved')
    .option('--parallel <number>', 'images at a time', parseCount(PARALLEL_MAX), PARALLEL_DEFAULT)
    .addHelpText('after', `\n${MIGRATE_HELP}`)
  withFormat(withUrl(migrate)).action(async (flags: MigrateFlags) => {
    const { migrateCommand } = await import('./migrate.ts')
    finish(await migrateCommand(flags, io))
  })
}
