/** The demonstration, in small, and what it leaves behind. */
import { readdir } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'

/** Real nodes, and perhaps a build before them, on a machine that runs other tests, too. */
t.setTimeout(300_000)

const PORTS = 30

async function demo(t: Test, onOutput: (piece: string, pid: number) => void = () => {}) {
  // The launcher builds dist/ when it must.
  await runCommand('deploy/dev-cluster', ['--help'])
  const temporary = t.testdir()
  const basePort = String(await freeBasePort(PORTS))
  const args = ['dist/deploy/demo.js', '--once', '--size', '12 MiB', '--base-port', basePort]
  const environment = { ...process.env, TMPDIR: temporary }
  const result = await runCommand(process.execPath, args, { environment, onOutput })
  return { ...result, leftOvers: await readdir(temporary) }
}

/** The nodes' processes hold files below the temporary directory; nothing else names it. */
async function processesOf(t: Test): Promise<string[]> {
  const { stdout } = await runCommand('ps', ['-eo', 'args'])
  return stdout.split('\n').filter((line) => line.includes(t.testdirName) && line.includes('serac'))
}

t.test('runs to its end and cleans up', async (t) => {
  const { exitCode, stdout, stderr, leftOvers } = await demo(t)
  t.equal(exitCode, 0, stderr)
  t.match(stdout, /^12\.0 MiB read back from node 0 .* MB\/s$/m)
  t.match(stdout, /^HEALTHY: /m)
  t.strictSame(
    stdout.split('\n').filter((line) => line.length > 80 && !line.includes('log in')),
    [],
  )
  t.strictSame(leftOvers, [])
  t.strictSame(await processesOf(t), [])
})

t.test('Ctrl-C in the middle cleans up, too', async (t) => {
  const { exitCode, stderr, leftOvers } = await demo(t, (piece, pid) => {
    if (piece.includes('node 0 killed')) process.kill(pid, 'SIGINT')
  })
  t.match({ exitCode, stderr }, { exitCode: 1, stderr: 'demo: interrupted by SIGINT\n' })
  t.strictSame(leftOvers, [])
  t.strictSame(await processesOf(t), [])
})
