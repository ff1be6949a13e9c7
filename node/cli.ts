/** The `serac` command line: what commands there are and what they take. */
import { Command, CommanderError, Option } from 'commander'
import { type CliIo, EXIT_FAILED, EXIT_NOT_ASKED, EXIT_OK, EXIT_USAGE, NotAskedError } from './cli/cli-io.ts'
import { addCacheCommands } from './cli/cache-commands.ts'
import { addClusterCommands } from './cli/cluster-commands.ts'
import { checkConfig, printSample } from './cli/config-commands.ts'
import { addDepartureCommands } from './cli/departure-commands.ts'
import { addMetadefCommands } from './cli/metadef-commands.ts'
import { addMovingCommands } from './cli/moving/moving-commands.ts'
import { addNodeCommands, type ConfigFlags, pathsOf, withConfigFlags } from './cli/node-commands.ts'
import { addStoreCommands } from './cli/stores/store-commands.ts'
import { addToolCommands } from './cli/tooling/tool-commands.ts'
import { addWorkCommands } from './cli/imports/work-commands.ts'
import { addWatchingCommands } from './cli/watching-commands.ts'
import { SERAC_VERSION } from './version.ts'

/** Runs one command; resolves with the exit code of the process. Never rejects. */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  let exitCode = EXIT_OK
  const program = buildProgram(io, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    // Commander has said what was wrong; help and version come this way, too, with code 0.
    if (error instanceof CommanderError) return error.exitCode === EXIT_OK ? EXIT_OK : EXIT_USAGE
    io.complain(`serac: ${error instanceof Error ? error.message : String(error)}\n`)
    return error instanceof NotAskedError ? EXIT_NOT_ASKED : EXIT_FAILED
  }
}

/** The command line with all its commands. */
export function buildProgram(io: CliIo, finish: (exitCode: number) => void): Command {
  const program = new Command('serac')
    .description('A replicated image store for OpenStack controllers.')
    .version(SERAC_VERSION)
    .exitOverride()
    .configureOutput({ writeOut: io.print, writeErr: io.complain })
  addNodeCommands(program, io, finish)
  addConfig(program, io)
  addPolicy(program, io)
  addWatchingCommands(program, io, finish)
  addClusterCommands(program, io, finish)
  addCacheCommands(program, io, finish)
  addDepartureCommands(program, io, finish)
  addMetadefCommands(program, io, finish)
  addMovingCommands(program, io, finish)
  addStoreCommands(program, io, finish)
  addWorkCommands(program, io, finish)
  addToolCommands(program, io)
  return program
}

function addConfig(program: Command, io: CliIo): void {
  const config = program.command('config').description('Help with serac.conf.')
  config
    .command('sample')
    .description('Print a configuration file with every option.')
    .action(() => printSample(io))
  const check = config.command('check').description('Say what is wrong with the configuration, if anything.')
  withConfigFlags(check).action(async (flags: ConfigFlags) => {
    await checkConfig(pathsOf(flags), io)
  })
}

// The rules bring the YAML parser along; the other commands should not have to wait for it.
function addPolicy(program: Command, io: CliIo): void {
  const policy = program
    .command('policy')
    .description('Who may do what: the rules in policy.yaml and policy.d.')
  const list = policy
    .command('list')
    .description(
      'Print every rule that counts, with the file it comes from; without a file it is the default.',
    )
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
  withConfigFlags(list).action(async (flags: ConfigFlags & { format: 'text' | 'json' }) => {
    const { listPolicy } = await import('./cli/policy-commands.ts')
    await listPolicy(pathsOf(flags), flags.format, io)
  })
  const check = policy.command('check').description('Say what is wrong with the policy files, if anything.')
  withConfigFlags(check).action(async (flags: ConfigFlags) => {
    const { checkPolicy } = await import('./cli/policy-commands.ts')
    await checkPolicy(pathsOf(flags), io)
  })
}
