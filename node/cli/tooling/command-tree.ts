/** What the command line offers, as plain facts: completion and manual page are made from them, so they cannot lag behind. */
import type { Command, Option } from 'commander'

export interface OptionFacts {
  /** `-f`, `--format`. */
  names: string[]
  /** What it takes, as it is written: `<file>`; null: nothing. */
  value: string | null
  choices: readonly string[]
  help: string
}

export interface CommandFacts {
  /** `serac`, `nodes`, `set`. */
  path: string[]
  help: string
  /** `<id>`, `[ids...]`. */
  arguments: { name: string; help: string; choices: readonly string[] }[]
  options: OptionFacts[]
  commands: CommandFacts[]
}

export function commandTree(command: Command, above: readonly string[] = []): CommandFacts {
  const path = [...above, command.name()]
  const help = command.createHelp()
  return {
    path,
    help: command.description(),
    arguments: command.registeredArguments.map((argument) => ({
      name: termOf(argument),
      help: argument.description,
      choices: argument.argChoices ?? [],
    })),
    options: help.visibleOptions(command).map(optionFacts),
    commands: help
      .visibleCommands(command)
      .filter((each) => each.name() !== 'help')
      .map((each) => commandTree(each, path)),
  }
}

/** The command and all below it. */
export function allCommands(tree: CommandFacts): CommandFacts[] {
  return [tree, ...tree.commands.flatMap(allCommands)]
}

function termOf(argument: Command['registeredArguments'][number]): string {
  const name = argument.name() + (argument.variadic ? '...' : '')
  return argument.required ? `<${name}>` : `[${name}]`
}

function optionFacts({ short, long, flags, argChoices, description, defaultValue }: Option): OptionFacts {
  const value = /[<[].*[>\]]/.exec(flags)?.[0] ?? null
  const isShown = typeof defaultValue === 'string' && defaultValue !== ''
  return {
    names: [short, long].filter((name) => name !== undefined),
    value,
    choices: argChoices ?? [],
    help: isShown ? `${description} (default: ${defaultValue})` : description,
  }
}

/** Whether a value is a file (`f`) or a directory (`d`) to be completed; null for anything else. */
export function pathKind(value: string | null): 'f' | 'd' | null {
  if (value === null) return null
  if (/^[<[](file|path)/.test(value)) return 'f'
  return /^[<[](dir|place)/.test(value) ? 'd' : null
}
