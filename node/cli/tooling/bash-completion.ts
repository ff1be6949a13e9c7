/** A completion script for bash, complete in itself: it asks nobody while somebody types. */
import { allCommands, pathKind, type CommandFacts, type OptionFacts } from './command-tree.ts'

export function bashCompletion(tree: CommandFacts): string {
  const commands = allCommands(tree)
  const nameOf = ({ path }: CommandFacts) => path.join(' ')
  const below = commands.slice(1).map((command) => `"${nameOf(command)}"`)
  return `# bash completion for ${tree.path[0]}; made by "${tree.path[0]} completion bash".
_serac() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" at="${tree.path[0]}" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${below.join(' | ')}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at $previous" in
${commands.flatMap((command) => valueCases(nameOf(command), command)).join('\n')}
  esac
  case "$at" in
${commands.map((command) => wordCase(nameOf(command), command)).join('\n')}
  esac
}
complete -F _serac ${tree.path[0]}
`
}

/** After an option that takes something only that is offered. */
function valueCases(at: string, { options }: CommandFacts): string[] {
  return options.flatMap((option) => {
    if (option.value === null) return []
    const patterns = option.names.map((name) => `"${at} ${name}"`).join(' | ')
    return [`    ${patterns}) ${replyTo(option)} ;;`]
  })
}

function replyTo({ value, choices }: OptionFacts): string {
  if (choices.length > 0) return `COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$current")); return`
  const kind = pathKind(value)
  return kind === null ? 'return' : `COMPREPLY=($(compgen -${kind} -- "$current")); return`
}

function wordCase(at: string, command: CommandFacts): string {
  const words = [
    ...command.commands.map(({ path }) => path.at(-1)),
    ...command.options.flatMap(({ names }) => names),
    ...command.arguments.flatMap(({ choices }) => choices),
  ]
  const files = command.arguments.some(({ name }) => pathKind(name) !== null) ? ' -f' : ''
  return `    "${at}") COMPREPLY=($(compgen${files} -W "${words.join(' ')}" -- "$current")) ;;`
}
