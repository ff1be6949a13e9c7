/** `serac completion`, `serac man`: what shells and manuals want to know of the command line, made from itself. */
import { Argument, type Command } from 'commander'
import type { CliIo } from '../cli-io.ts'
import { SERAC_VERSION } from '../../version.ts'
import { bashCompletion } from './bash-completion.ts'
import { commandTree } from './command-tree.ts'
import { manPage } from './man-page.ts'
import { zshCompletion } from './zsh-completion.ts'

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion }

export function addToolCommands(program: Command, io: CliIo): void {
  program
    .command('completion')
    .description('Print a script by which a shell completes the words of this command.')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(SCRIPTS)))
    .action((shell: keyof typeof SCRIPTS) => io.print(SCRIPTS[shell](commandTree(program))))
  program
    .command('man')
    .description('Print the manual page: "serac man | man -l -" shows it.')
    .action(() => io.print(manPage(commandTree(program), SERAC_VERSION)))
}
