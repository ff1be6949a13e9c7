/** Completion and manual page: made from the command tree, with everything in it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { buildProgram, runCli } from '../../../node/cli.ts'
import { allCommands, commandTree } from '../../../node/cli/tooling/command-tree.ts'
import { runCommand } from '../../helpers/run-command.ts'

const io = {
  environment: {},
  print: () => {},
  complain: () => {},
  ask: async () => null,
  isTerminal: false,
}
const commands = allCommands(commandTree(buildProgram(io, () => {})))

async function printed(...args: string[]): Promise<string> {
  let output = ''
  t.equal(await runCli(args, { ...io, print: (text) => (output += text) }), 0)
  return output
}

/** `text` between two marks. */
function between(text: string, from: string, to: string): string {
  const start = text.indexOf(from)
  return start < 0 ? '' : text.slice(start, text.indexOf(to, start + from.length))
}

t.test('the tree has what the program has', async (t) => {
  const names = commands.map(({ path }) => path.join(' '))
  for (const name of ['serac', 'serac start', 'serac nodes set', 'serac status', 'serac completion'])
    t.ok(names.includes(name), name)
  const [status] = commands.filter(({ path }) => path.at(-1) === 'status')
  const format = status?.options.find(({ names }) => names.includes('--format'))
  t.match(format, { names: ['-f', '--format'], value: '<format>', choices: ['table', 'json', 'value'] })
})

t.test('bash: each command and option, as bash itself completes them', async (t) => {
  const script = join(t.testdir(), 'serac.bash')
  await writeFile(script, await printed('completion', 'bash'))
  const lines = commands.map(({ path }) => `complete_at ${path.join(' ')}`)
  const ask = `
    source ${script}
    complete_at() { COMP_WORDS=("$@" ""); COMP_CWORD=$#; _serac; echo "$* => \${COMPREPLY[*]}"; }
    ${lines.join('\n')}
    complete_at serac nodes --url
    complete_at serac status -f
    COMP_WORDS=(serac sta); COMP_CWORD=1; _serac; echo "sta => \${COMPREPLY[*]}"`
  const { exitCode, stdout, stderr } = await runCommand('bash', ['--norc', '-c', ask])
  t.equal(exitCode, 0, stderr)
  t.equal(stderr, '')
  for (const { path, options, commands: below } of commands) {
    const offered = between(`\n${stdout}`, `\n${path.join(' ')} => `, '\n').split(/\s+/)
    for (const name of [...options.flatMap(({ names }) => names), ...below.map((each) => each.path.at(-1)!)])
      t.ok(offered.includes(name), `${path.join(' ')} ${name}`)
  }
  t.match(stdout, /^serac nodes --url => $/m, 'nobody knows what comes there')
  t.match(stdout, /^serac status -f => table json value$/m)
  t.match(stdout, /^sta => start status staging$/m)
})

t.test('zsh: each command has its function, each option its words', async (t) => {
  const script = await printed('completion', 'zsh')
  t.match(script, /^#compdef serac\n/)
  for (const { path, options, commands: below, help } of commands) {
    const body = between(script, `_${path.join('_').replaceAll('-', '_')}() {`, '\n}\n')
    for (const { names } of options)
      for (const name of names) t.ok(body.includes(name), `${path.join(' ')} ${name}`)
    for (const each of below) t.match(body, `'${each.path.at(-1)}:`)
    t.ok(help.length > 0)
  }
})

t.test('the manual page has every command and option, and nothing that roff takes for its own', async (t) => {
  const page = await printed('man')
  t.match(page, /^\.TH SERAC 1 /)
  for (const section of ['NAME', 'SYNOPSIS', 'COMMANDS', 'EXIT STATUS', 'ENVIRONMENT', 'FILES'])
    t.match(page, `\n.SH ${section}\n`)
  const dashed = (name: string) => name.replaceAll('-', String.raw`\-`)
  for (const { path, options } of commands.slice(1)) {
    const entry = between(page, `.SS \\fB${dashed(path.slice(1).join(' '))}\\fR`, '\n.S')
    t.ok(entry.length > 0, path.join(' '))
    for (const { names } of options)
      for (const name of names.filter((each) => !/^(-h|--help)$/.test(each)))
        t.ok(entry.includes(`\\fB${dashed(name)}\\fR`), `${path.join(' ')} ${name}`)
  }
  const requests = page.split('\n').filter((line) => /^[.']/.test(line))
  for (const line of requests) t.match(line, /^\.(TH|SH|SS|TP|B|I)\b/)
})

t.test('another shell is a slip', async (t) => {
  let complaint = ''
  const exitCode = await runCli(['completion', 'fish'], { ...io, complain: (text) => (complaint += text) })
  t.equal(exitCode, 64)
  t.match(complaint, /Allowed choices are bash, zsh/)
})
