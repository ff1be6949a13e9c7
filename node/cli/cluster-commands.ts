/** The commands that ask a running node: to change the membership of the cluster, to set background loops. */
import { type Command, Option } from 'commander'
import type { LoopChanges } from '../status/loop-admin.ts'
import type { CliIo } from './cli-io.ts'
import { inviteCommand, invitesCommand, revokeCommand } from './invites.ts'
import { deletedImagesCommand, restoreImageCommand } from './deleted-images.ts'
import { imagesCommand, showImageCommand, type ImagesFlags } from './image-copies.ts'
import { parseCount } from './parse-count.ts'
import { rateIn } from './parse-rate.ts'
import { parseSeconds } from './parse-time.ts'
import { parseWeight } from './parse-weight.ts'
import { loopsCommand } from './loops.ts'
import { abortCommand, type ChangeFlags, nodesCommand, setNodeCommand, votersCommand } from './membership.ts'
import { upgradeCheckCommand } from './upgrade-check.ts'
import { STATUS_FORMATS, type StatusFormat } from './status-view.ts'

const IMAGES_LISTED_DEFAULT = 50
/** Each page of 100 asks every node what it has. */
const IMAGES_LISTED_MAX = 10_000

type Finish = (exitCode: number) => void

interface Asking {
  url: string
  format: StatusFormat
}

export type Changing = Asking & { dryRun?: true; yes?: true; abort?: true }

type LoopFlags = Asking & { pause?: true; resume?: true; rate?: { perSecond: number | null } }

interface InviteFlags {
  url: string
  expires: number
  addresses?: true
}

interface NodeFlags {
  zone?: string | false
  weight?: number
  address?: string
}

const OPERATOR_URL = 'http://127.0.0.1:9295'

export function addClusterCommands(program: Command, io: CliIo, finish: Finish): void {
  const upgradeCheck = program
    .command('upgrade-check')
    .description(
      'Say whether a node may be restarted with the release of this very program. Exit code: 0 it may.',
    )
  withFormat(withUrl(upgradeCheck)).action(async ({ url, format }: Asking) => {
    finish(await upgradeCheckCommand(url, format, io))
  })
  const nodes = program.command('nodes').description('Show the members of the cluster.')
  withFormat(withUrl(nodes)).action(async ({ url, format }: Asking) => {
    finish(await nodesCommand(url, format, io))
  })
  addNodeSettings(nodes, io, finish)
  addInvites(program, io, finish)
  addLoops(program, io, finish)
  addImages(program, io, finish)
  addChanges(program, io, finish)
}

function addInvites(program: Command, io: CliIo, finish: Finish): void {
  const invite = program
    .command('invite')
    .description('Print an invite: with it, one node may join ("serac join").')
    .option('--expires <time>', 'for how long it is valid, as in 30min, 1h', parseSeconds, parseSeconds('1h'))
    .option('--addresses', 'name the voters in it, also where nodes find them by the rendezvous')
  withUrl(invite).action(async ({ url, expires, addresses }: InviteFlags) => {
    finish(await inviteCommand(url, { expiresSeconds: expires, byAddresses: addresses === true }, io))
  })
  const invites = program
    .command('invites')
    .description('Show the invites that have not expired, or revoke one.')
    .option('--revoke <id>', 'nobody may join by it any more')
  withFormat(withUrl(invites)).action(async ({ url, format, revoke }: Asking & { revoke?: string }) => {
    finish(await (revoke === undefined ? invitesCommand(url, format, io) : revokeCommand(url, revoke, io)))
  })
}

function addNodeSettings(nodes: Command, io: CliIo, finish: Finish): void {
  const set = nodes
    .command('set')
    .description('Change what the cluster goes by when it places images. They move by themselves.')
    .argument('<id>', 'its id, or how it ends')
    .option('--zone <zone>', 'its failure domain')
    .option('--no-zone', 'it is a failure domain of its own')
    .option('--weight <number>', 'its share of the data, relative to the others', parseWeight)
    .option('--address <host:port>', 'where the others reach its control plane')
  withFormat(withUrl(set)).action(async (id: string, _own: unknown, command: Command) => {
    // Both commands take --url and --format: wherever they stand, they count.
    const { zone, weight, address, ...asking } = command.optsWithGlobals<Asking & NodeFlags>()
    const changes = {
      ...(zone === false ? { zone: null } : typeof zone === 'string' ? { zone } : {}),
      ...(weight === undefined ? {} : { weight }),
      ...(address === undefined ? {} : { address }),
    }
    finish(await setNodeCommand(id, changes, asking, io))
  })
}

function addLoops(program: Command, io: CliIo, finish: Finish): void {
  const loops = program
    .command('loops')
    .description(
      'Show the background loops of the node that is asked, or set one until that node starts again.',
    )
    .argument('[name]', 'one of them')
    .addOption(new Option('--pause', 'let it rest').conflicts('resume'))
    .option('--resume', 'let it work again')
    .option(
      '--rate <rate>',
      'how fast, a second, as in 50MiB; auto: as the loop itself thinks',
      parseLoopRate,
    )
  withFormat(withUrl(loops)).action(async (name: string | undefined, flags: LoopFlags) => {
    finish(await loopsCommand(name, loopChanges(flags), flags, io))
  })
}

function loopChanges({ pause, resume, rate }: LoopFlags): LoopChanges {
  return {
    ...(pause || resume ? { paused: pause === true } : {}),
    ...(rate === undefined ? {} : { rate: rate.perSecond }),
  }
}

function addChanges(program: Command, io: CliIo, finish: Finish): void {
  const voters = program
    .command('voters')
    .description('Make exactly these members the voters, while the cluster works on: 1, 3, 5 or 7.')
    .argument('[ids...]', 'node ids, or how they end')
    .option('--abort', 'give up a change that is under way')
  withChangeFlags(voters).action(async (ids: string[], flags: Changing) => {
    finish(await (flags.abort ? abortCommand(flags.url, io) : votersCommand(ids, changeFlags(flags), io)))
  })
}

function addImages(program: Command, io: CliIo, finish: Finish): void {
  const images = program
    .command('images')
    .description('Which node has which image; and deleted ones that are still kept (delayed_delete).')
  const list = images
    .command('list', { isDefault: true })
    .description('Show of how many nodes each image is whole, the newest first.')
    .option('--attention', 'only those that are not whole wherever they belong')
    .option('--search <text>', 'only those with this in their name or id', '')
    .option('--limit <number>', 'how many at most', parseCount(IMAGES_LISTED_MAX), IMAGES_LISTED_DEFAULT)
  withFormat(withUrl(list)).action(async (flags: ImagesFlags) => {
    finish(await imagesCommand(flags, io))
  })
  const show = images
    .command('show')
    .description('Show what each node has of an image. Exit code: 0 all of it wherever it belongs.')
    .argument('<id>', 'its id')
  withFormat(withUrl(show)).action(async (id: string, flags: Asking) => {
    finish(await showImageCommand(id, flags, io))
  })
  const deleted = images.command('deleted').description('Show which deleted images can still be had back.')
  withFormat(withUrl(deleted)).action(async (flags: Asking) => {
    finish(await deletedImagesCommand(flags, io))
  })
  const restore = images
    .command('restore')
    .description('Take a deleted image back, as it was before.')
    .argument('<id>', 'its id')
  withUrl(restore).action(async (id: string, { url }: { url: string }) => {
    finish(await restoreImageCommand(id, url, io))
  })
}

export function withUrl(command: Command): Command {
  return command.option('--url <url>', 'operator port of any node', OPERATOR_URL)
}

export function withFormat(command: Command): Command {
  return command.addOption(
    new Option('-f, --format <format>', 'form of the answer').choices(STATUS_FORMATS).default('table'),
  )
}

export function withChangeFlags(command: Command): Command {
  return withFormat(withUrl(command))
    .option('--dry-run', 'only show what would be done')
    .option('--yes', 'do not ask')
}

export function changeFlags({
  url,
  format,
  dryRun = false,
  yes = false,
}: Omit<Changing, 'dryRun' | 'yes'> & {
  dryRun?: boolean
  yes?: boolean
}): ChangeFlags {
  return { url, format, dryRun, yes }
}

/** Null a second: as the loop itself thinks. In an object, since commander takes null for "not given". */
function parseLoopRate(text: string): { perSecond: number | null } {
  if (text === 'auto') return { perSecond: null }
  return { perSecond: rateIn(text, ', or auto') }
}
