/** The commands that bring images from elsewhere, and that give them out (see README, Moving in and out). */
import { type Command, Option } from 'commander'
import { STATUS_FORMATS } from '../status-view.ts'
import type { CliIo } from '../cli-io.ts'
import { parseCount } from '../parse-count.ts'
import { type ConfigFlags, pathsOf, withConfigFlags } from '../node-commands.ts'
import type { ImagePlace } from './image-source.ts'
import type { ImportFlags, MovingFlags } from './move.ts'

type Finish = (exitCode: number) => void

interface GlanceFlags extends ImportFlags {
  fromUrl?: string
  database?: string
  store?: string[]
}

interface PlaceOptions extends ConfigFlags {
  s3Store?: string
}

const OPERATOR_URL = 'http://127.0.0.1:9295'
/** So many keep disks and network of one node busy. */
const PARALLEL_DEFAULT = 4
const PARALLEL_MAX = 16
const GLANCE_ENVIRONMENT =
  'For --from-url the environment says who asks, as for the clients: OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, ' +
  'OS_PROJECT_NAME, OS_USER_DOMAIN_NAME, OS_PROJECT_DOMAIN_NAME; or OS_TOKEN. It must be an administrator.\n' +
  'Exit code: 0 all images are there and the same, 1 some need a look, 4 no node could be asked.'

const PLACE = 'a directory, or s3://BUCKET/PREFIX'
const S3_ENVIRONMENT =
  'For s3:// the environment says where and who, as for its clients: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ' +
  'AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL, AWS_CA_BUNDLE; or --s3-store names a store of the configuration, whose ' +
  'host and keys are used.'

export function addMovingCommands(program: Command, io: CliIo, finish: Finish): void {
  const glance = program
    .command('import-glance')
    .description(
      'Bring the images of a Glance here, with ids, owners, members, times and all. Glance is only read. ' +
        'What is here already is left alone, so a run that was broken off is simply started again.',
    )
    .option('--from-url <url>', 'a running Glance')
    .addOption(
      new Option('--database <file>', 'its database: a SQLite file, or what mysqldump wrote').conflicts(
        'fromUrl',
      ),
    )
    .option('--store <directory...>', 'with --database: the directories of its file store')
    .addOption(
      new Option(
        '--adopt <store...>',
        'send no bytes: these stores of the cluster, of type file or rbd, are those of that Glance, and the bytes stay there',
      ).conflicts('store'),
    )
    .addHelpText('after', `\n${GLANCE_ENVIRONMENT}`)
  withImportFlags(glance).action(async (flags: GlanceFlags) => {
    const { importCommand } = await import('./move.ts')
    finish(await importCommand(await glanceSource(flags, io), [], flags, io))
  })
  const restore = program
    .command('restore')
    .description('Bring images back from a directory or a bucket that "serac export" wrote.')
    .argument('<place>', PLACE)
    .argument('[ids...]', 'only these images')
    .addHelpText('after', `\n${S3_ENVIRONMENT}`)
  withPlaceFlags(withImportFlags(restore)).action(
    async (written: string, ids: string[], flags: ImportFlags & PlaceOptions) => {
      const { importCommand } = await import('./move.ts')
      await withPlace(written, flags, io, async (place) => finish(await importCommand(place, ids, flags, io)))
    },
  )
  const exporting = program
    .command('export')
    .description(
      'Write images to a directory or a bucket: ID.img and ID.json. What is there already and the same is left alone, so that ' +
        'it serves as a backup of all.',
    )
    .argument('<place>', PLACE)
    .argument('[ids...]', 'only these images')
    .addHelpText('after', `\n${S3_ENVIRONMENT}`)
  withPlaceFlags(withMovingFlags(exporting)).action(
    async (written: string, ids: string[], flags: MovingFlags & PlaceOptions) => {
      const { exportCommand } = await import('./move.ts')
      await withPlace(written, flags, io, async (place) => finish(await exportCommand(place, ids, flags, io)))
    },
  )
}

async function withPlace(
  written: string,
  { s3Store, ...files }: PlaceOptions,
  io: CliIo,
  work: (place: ImagePlace) => Promise<void>,
): Promise<void> {
  const { openPlace } = await import('./open-place.ts')
  const flags = { paths: pathsOf(files), ...(s3Store !== undefined && { s3Store }) }
  const place = await openPlace(written, flags, io.environment)
  try {
    await work(place)
  } finally {
    await place.close()
  }
}

async function glanceSource({ fromUrl, database, store, adopt }: GlanceFlags, io: CliIo) {
  if (fromUrl !== undefined) {
    const { GlanceSession } = await import('./glance-session.ts')
    const { GlanceApiSource } = await import('./glance-api-source.ts')
    return new GlanceApiSource(new GlanceSession(fromUrl, io.environment))
  }
  if (database === undefined || (store ?? adopt) === undefined)
    throw new Error('Say where the images are: --from-url, or --database with --store or --adopt.')
  const { GlanceDatabaseSource } = await import('./glance-database-source.ts')
  return new GlanceDatabaseSource(database, store ?? null)
}

function withImportFlags(command: Command): Command {
  return withMovingFlags(command)
    .option('--dry-run', 'only compare: what would be moved, what differs')
    .option('--overwrite', 'where an image is here with the same bytes, take what the source says of it')
}

function withPlaceFlags(command: Command): Command {
  return withConfigFlags(command).option('--s3-store <id>', 'for s3://: this store of the configuration')
}

function withMovingFlags(command: Command): Command {
  return command
    .option('--url <url>', 'operator port of any node', OPERATOR_URL)
    .addOption(
      new Option('-f, --format <format>', 'form of the report').choices(STATUS_FORMATS).default('table'),
    )
    .option('--parallel <number>', 'images at a time', parseCount(PARALLEL_MAX), PARALLEL_DEFAULT)
}
