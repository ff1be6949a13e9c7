/** The commands that work on this node: start it, or change its data directory while it is stopped. */
import { type Command, Option } from 'commander'
import type { ConfigPaths } from '../config/config-files.ts'
import type { CliIo } from './cli-io.ts'
import { parseWeight } from './parse-weight.ts'
import type { RepairFlags } from './repair.ts'

export interface ConfigFlags {
  configFile: string[]
  configDir: string[]
}

/** What the placement goes by. */
interface PlaceFlags {
  zone?: string
  weight: number
}

interface JoinOptions extends ConfigFlags, PlaceFlags {
  role: 'storage' | 'edge'
}

interface RecoverOptions extends ConfigFlags {
  fromThisNode?: true
  yesIMayLoseData?: string
}

type Finish = (exitCode: number) => void

// These load the network or the store, which takes a while; the other commands should not have to wait for it.
export function addNodeCommands(program: Command, io: CliIo, finish: Finish): void {
  const start = program.command('start').description('Run this node until it is told to stop.')
  withConfigFlags(start).action(async (flags: ConfigFlags) => {
    const { startCommand } = await import('./start.ts')
    finish(await startCommand(pathsOf(flags), io))
  })
  const init = program.command('init').description('Found a new cluster with this node as its only member.')
  withConfigFlags(withPlaceFlags(init)).action(async (flags: PlaceFlags & ConfigFlags) => {
    const { initCommand } = await import('./init.ts')
    const { zone = null, weight } = flags
    finish(await initCommand({ zone, weight }, pathsOf(flags), io))
  })
  addJoin(program, io, finish)
  addRecover(program, io, finish)
  addRepair(program, io, finish)
  addKeygen(program, io)
}

function addJoin(program: Command, io: CliIo, finish: Finish): void {
  const join = program
    .command('join')
    .description('Make this node a member of the cluster that an invite of "serac invite" comes from.')
    .argument('<invite>', 'the line that "serac invite" printed')
    .addOption(
      new Option('--role <role>', 'edge: only caches').choices(['storage', 'edge']).default('storage'),
    )
  withConfigFlags(withPlaceFlags(join)).action(async (invite: string, flags: JoinOptions) => {
    const { joinCommand } = await import('./join.ts')
    const { role, zone = null, weight } = flags
    finish(await joinCommand(invite, { role, zone, weight }, pathsOf(flags), io))
  })
}

function withPlaceFlags(command: Command): Command {
  return command
    .option('--zone <zone>', 'failure domain; unset: the node itself')
    .option('--weight <number>', 'share of the data, relative to the others', parseWeight, 1)
}

function addRecover(program: Command, io: CliIo, finish: Finish): void {
  const recover = program
    .command('recover')
    .description('After a majority was lost for good: make what this stopped node knows the whole cluster.')
    .requiredOption('--from-this-node', 'say that you mean this node')
    .option('--yes-i-may-lose-data <cluster-id>', 'do not ask; for scripts')
  withConfigFlags(recover).action(async (flags: RecoverOptions) => {
    const { recoverCommand } = await import('./recover.ts')
    finish(await recoverCommand(flags.yesIMayLoseData ?? null, pathsOf(flags), io))
  })
}

function addRepair(program: Command, io: CliIo, finish: Finish): void {
  const repair = program
    .command('repair')
    .description(
      'Take the data directory of this stopped node as it is: copied, restored, or with parts lost.',
    )
    .option('--forget-votes', 'its votes are lost, or may be older than what it promised: forget them')
    .option('--lost-segments', 'seg/ is lost for good: begin an empty one')
  withConfigFlags(repair).action(async (flags: ConfigFlags & RepairFlags) => {
    const { repairCommand } = await import('./repair.ts')
    finish(await repairCommand(flags, pathsOf(flags), io))
  })
}

function addKeygen(program: Command, io: CliIo): void {
  program
    .command('keygen')
    .description("Make this node's key unless it has one, and print the node id for initial_members.")
    .requiredOption('--state-path <dir>', 'the state_path of the node')
    .action(async ({ statePath }: { statePath: string }) => {
      const { keygen } = await import('./keygen.ts')
      io.print(`${await keygen(statePath)}\n`)
    })
}

export function withConfigFlags(command: Command): Command {
  const collect = (value: string, earlier: string[]) => [...earlier, value]
  return command
    .option('--config-file <file>', 'a configuration file; may be repeated, the last one wins', collect, [])
    .option('--config-dir <dir>', 'a directory with *.conf files, read after the files', collect, [])
}

export function pathsOf({ configFile, configDir }: ConfigFlags): ConfigPaths {
  return { files: configFile, directories: configDir }
}
