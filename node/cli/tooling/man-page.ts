/** The manual page serac(1), in roff. */
import { allCommands, type CommandFacts, type OptionFacts } from './command-tree.ts'

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['0', 'Done; for status: HEALTHY.'],
  ['1', 'Refused or failed, with the reason; for status: DEGRADED.'],
  ['2, 3', 'For status: READ-ONLY, CRITICAL.'],
  ['4', 'The node does not answer.'],
  ['64', 'The command line makes no sense.'],
]
const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['SERAC_OPERATOR_TOKEN', 'Token of the operator port, for the commands that ask a node.'],
  ['OS_TOKEN', 'A token of Keystone instead, of an administrator.'],
  ['OS_<GROUP>__<OPTION>', 'Takes the place of an option of the configuration.'],
]
const FILES: readonly (readonly [string, string])[] = [
  ['/etc/serac/serac.conf', 'The configuration; "serac config sample" prints one with every option.'],
]

export function manPage(tree: CommandFacts, version: string): string {
  const [name = ''] = tree.path
  const sections = [
    `.TH ${name.toUpperCase()} 1 "" "${name} ${version}" "User Commands"`,
    section('NAME', `${name} \\- ${escaped(lowerFirst(tree.help))}`),
    section('SYNOPSIS', `.B ${name}\n.I command\n[\\fIoptions\\fR]`),
    section('DESCRIPTION', DESCRIPTION),
    section('OPTIONS', tree.options.map(optionEntry).join('\n')),
    section('COMMANDS', allCommands(tree).slice(1).map(commandEntry).join('\n')),
    section('EXIT STATUS', list(EXIT_CODES)),
    section('ENVIRONMENT', list(ENVIRONMENT)),
    section('FILES', list(FILES)),
  ]
  return `${sections.join('\n')}\n`
}

const DESCRIPTION = `Runs a node of a Serac cluster, which together answer as the image service of OpenStack, and shows and changes such a cluster.
Commands with
.B \\-\\-url
ask the operator port of a running node, by default the one on this machine; any node can be asked about all of them.
Where a node is named, the last characters of its id will do.`

function section(title: string, text: string): string {
  return `.SH ${title}\n${text}`
}

function commandEntry({ path, help, arguments: words, options }: CommandFacts): string {
  const usage = [
    `\\fB${escaped(path.slice(1).join(' '))}\\fR`,
    ...words.map(({ name }) => `\\fI${escaped(name)}\\fR`),
  ]
  const explained = words.filter((word) => word.help !== '')
  return [
    `.SS ${usage.join(' ')}`,
    escaped(help),
    ...explained.map((word) => entry(`\\fI${escaped(word.name)}\\fR`, word.help)),
    ...options.filter(({ names }) => !names.includes('--help')).map(optionEntry),
  ].join('\n')
}

function optionEntry({ names, value, choices, help }: OptionFacts): string {
  const shown = names.map((name) => `\\fB${escaped(name)}\\fR`).join(', ')
  const takes = value === null ? '' : ` \\fI${escaped(value)}\\fR`
  return entry(shown + takes, choices.length > 0 ? `${help}; one of ${choices.join(', ')}` : help)
}

function entry(term: string, text: string): string {
  return `.TP\n${term}\n${escaped(text)}`
}

function list(entries: readonly (readonly [string, string])[]): string {
  return entries.map(([term, text]) => entry(`\\fB${escaped(term)}\\fR`, text)).join('\n')
}

/** What roff would take for its own. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replaceAll(/^([.'])/gm, String.raw`\&$1`)
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1).replace(/\.$/, '')
}
