/** A completion script for zsh, with what each command and option is for beside it. */
import { allCommands, pathKind, type CommandFacts, type OptionFacts } from './command-tree.ts'

export function zshCompletion(tree: CommandFacts): string {
  const functions = allCommands(tree).map(functionOf)
  return `#compdef ${tree.path[0]}
# zsh completion for ${tree.path[0]}; made by "${tree.path[0]} completion zsh".

${functions.join('\n')}
if [ "$funcstack[1]" = "_${tree.path[0]}" ]; then
  _${tree.path[0]} "$@"
else
  compdef _${tree.path[0]} ${tree.path[0]}
fi
`
}

function functionOf(command: CommandFacts): string {
  const name = functionName(command)
  const options = command.options.map(optionSpec)
  if (command.commands.length === 0) {
    const specs = [...options, ...command.arguments.map(argumentSpec)]
    return `${name}() {\n  _arguments -s \\\n    ${specs.join(' \\\n    ')}\n}\n`
  }
  const described = command.commands.map(({ path, help }) => quoted(`${path.at(-1)}:${help}`))
  const branches = command.commands.map((each) => `        ${each.path.at(-1)}) ${functionName(each)} ;;`)
  return `${name}() {
  local state line
  _arguments -s -C \\
    ${[...options, "'1: :->command'", "'*:: :->rest'"].join(' \\\n    ')}
  case $state in
    command)
      local -a commands=(
        ${described.join('\n        ')}
      )
      _describe command commands
      ;;
    rest)
      case $line[1] in
${branches.join('\n')}
      esac
      ;;
  esac
}
`
}

function functionName({ path }: CommandFacts): string {
  return `_${path.join('_').replaceAll('-', '_')}`
}

function optionSpec({ names, value, choices, help }: OptionFacts): string {
  const takes = value === null ? '' : `:${plain(value)}:${actionFor(value, choices)}`
  const text = `[${help.replaceAll(/[[\]:]/g, String.raw`\$&`)}]${takes}`
  if (names.length === 1) return quoted(`*${names[0]}${text}`)
  return `'*'{${names.join(',')}}${quoted(text)}`
}

function argumentSpec({ name, help, choices }: CommandFacts['arguments'][number], index: number): string {
  const place = name.includes('...') ? '*' : String(index + 1)
  const optional = name.startsWith('[') && place !== '*' ? ':' : ''
  const message = (help === '' ? plain(name) : help).replaceAll(':', String.raw`\:`)
  return quoted(`${place}:${optional}${message}:${actionFor(name, choices)}`)
}

function actionFor(value: string, choices: readonly string[]): string {
  if (choices.length > 0) return `(${choices.join(' ')})`
  const kind = pathKind(value)
  if (kind === null) return ' '
  return kind === 'd' ? '_files -/' : '_files'
}

/** Without its brackets and what they would mean to zsh. */
function plain(value: string): string {
  return value.replaceAll(/[<>[\].]/g, '').replaceAll(':', ' ')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
