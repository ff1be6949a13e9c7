/** What the `serac` command runs, once serac.cts has prepared the process. */
// oxlint-disable-next-line import/no-unassigned-import -- it only adds what Node 20 lacks
import '../cluster/polyfill.ts'
import { runCli } from './cli.ts'
import { askTerminal } from './cli/ask-terminal.ts'

const exitCode = await runCli(process.argv.slice(2), {
  environment: process.env,
  print: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
  ask: askTerminal,
  isTerminal: process.stderr.isTTY,
})
// Not merely exitCode: after a failed start, whatever had been opened must not keep the process alive.
process.exit(exitCode)
