/** The `serac` command line: what commands there are and what they take. */
import { Command, CommanderError, Option } from 'commander'
import { type CliIo, EXIT_FAILED, EXIT_OK, EXIT_USAGE } from './cli/cli-io.ts'
import { checkConfig, printSample } from './cli/config-commands.ts'
import { printStatus } from './cli/status.ts'
import { STATUS_FORMATS, type StatusFormat } from './cli/status-view.ts'
import type { ConfigPaths } from './config/config-files.ts'
import { SERAC_VERSION } from './version.ts'

interface ConfigFlags {
  configFile: string[]
  configDir: string[]
}

const OPERATOR_URL = 'http://127.0.0.1:9295'

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
    return EXIT_FAILED
  }
}

function buildProgram(io: CliIo, finish: (exitCode: number) => void): Command {
  const program = new Command('serac')
    .description('A replicated image store for OpenStack controllers.')
    .version(SERAC_VERSION)
    .exitOverride()
    .configureOutput({ writeOut: io.print, writeErr: io.complain })
  addStart(program, io, finish)
  addKeygen(program, io)
  addConfig(program, io)
  addStatus(program, io, finish)
  return program
}

// start and keygen load the network, which takes a while; the other commands should not have to wait for it.
function addStart(program: Command, io: CliIo, finish: (exitCode: number) => void): void {
  const command = program.command('start').description('Run this node until it is told to stop.')
  withConfigFlags(command).action(async (flags: ConfigFlags) => {
    const { startCommand } = await import('./cli/start.ts')
    finish(await startCommand(pathsOf(flags), io))
  })
}

function addKeygen(program: Command, io: CliIo): void {
  program
    .command('keygen')
    .description("Make this node's key unless it has one, and print the node id for initial_members.")
    .requiredOption('--state-path <dir>', 'the state_path of the node')
    .action(async ({ statePath }: { statePath: string }) => {
      const { keygen } = await import('./cli/keygen.ts')
      io.print(`${await keygen(statePath)}\n`)
    })
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

function addStatus(program: Command, io: CliIo, finish: (exitCode: number) => void): void {
  program
    .command('status')
    .description(
      'Show how the cluster is. Exit code: 0 HEALTHY, 1 DEGRADED, 2 READ-ONLY, 3 CRITICAL, 4 it could not be asked.',
    )
    .option('--url <url>', 'operator port of any node', OPERATOR_URL)
    .addOption(
      new Option('-f, --format <format>', 'form of the answer').choices(STATUS_FORMATS).default('table'),
    )
    .action(async ({ url, format }: { url: string; format: StatusFormat }) => {
      finish(await printStatus(url, format, io))
    })
}

function withConfigFlags(command: Command): Command {
  const collect = (value: string, earlier: string[]) => [...earlier, value]
  return command
    .option('--config-file <file>', 'a configuration file; may be repeated, the last one wins', collect, [])
    .option('--config-dir <dir>', 'a directory with *.conf files, read after the files', collect, [])
}

function pathsOf({ configFile, configDir }: ConfigFlags): ConfigPaths {
  return { files: configFile, directories: configDir }
}
