/** The commands by which nodes leave, and how they are asked for. */
import type { Command } from 'commander'
import type { CliIo } from './cli-io.ts'
import { type Changing, changeFlags, withChangeFlags, withUrl } from './cluster-commands.ts'
import { drainCommand, removeCommand, replaceCommand, undrainCommand } from './departure.ts'

type Finish = (exitCode: number) => void
type Leaving = Changing & { force?: true }

export function addDepartureCommands(program: Command, io: CliIo, finish: Finish): void {
  const drain = program
    .command('drain')
    .description('Have a node give its copies to the others and be offered no requests. It stays a member.')
    .argument('<id>', 'its id, or how it ends')
    .option('--no-wait', 'do not stay until it is empty')
  withForce(withChangeFlags(drain)).action(async (id: string, flags: Leaving & { wait: boolean }) => {
    finish(await drainCommand(id, { ...leavingFlags(flags), wait: flags.wait }, io))
  })
  const undrain = program
    .command('undrain')
    .description('Let a drained node take copies and requests again.')
    .argument('<id>', 'its id, or how it ends')
  withUrl(undrain).action(async (id: string, { url }: { url: string }) => {
    finish(await undrainCommand(id, url, io))
  })
  const replace = program
    .command('replace')
    .description('Let a member vote in place of another, which is drained if it answers, and taken out.')
    .argument('<old>', 'id of the voter that goes, or how it ends')
    .argument('<new>', 'id of the member that comes, or how it ends')
  withForce(withChangeFlags(replace)).action(async (oldId: string, newId: string, flags: Leaving) => {
    finish(await replaceCommand(oldId, newId, leavingFlags(flags), io))
  })
  const remove = program
    .command('remove')
    .description('Take a node that does not vote out of the cluster.')
    .argument('<id>', 'its id, or how it ends')
  withForce(withChangeFlags(remove)).action(async (id: string, flags: Leaving) => {
    finish(await removeCommand(id, leavingFlags(flags), io))
  })
}

function withForce(command: Command): Command {
  return command.option('--force', 'do it although it is refused: data may be lost')
}

function leavingFlags({ force = false, ...flags }: Omit<Leaving, 'force'> & { force?: boolean }) {
  return { ...changeFlags(flags), force }
}
