/** How `serac start` says that it cannot. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DevNode } from '../../deploy/dev/dev-node.ts'
import { nodeConfig } from '../../deploy/dev/node-config.ts'
import { keygen } from '../../node/cli/keygen.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'

/** Real nodes, and perhaps a build before them, on a machine that runs other tests, too. */
t.setTimeout(300_000)

/** Runs a node of its own cluster with `text` after its configuration. */
async function start(t: Test, text: string) {
  await runCommand('deploy/dev-cluster', ['--help'])
  const directory = t.testdir({ 'node-0': { 'extra.conf': text } })
  const node = new DevNode(directory, await freeBasePort(4), 0)
  const member = `${await keygen(node.directory)}@127.0.0.1:${node.controlPort}`
  await writeFile(node.configFile, nodeConfig(node, [member], []))
  const files = ['--config-file', node.configFile, '--config-file', join(node.directory, 'extra.conf')]
  return runCommand(process.execPath, ['dist/bin/serac.cjs', 'start', ...files])
}

t.test('a wrong configuration', async (t) => {
  const { exitCode, stdout, stderr } = await start(t, '[DEFAULT]\nbind_prt = 1\n')
  t.equal(exitCode, 1)
  t.equal(stdout, '')
  t.match(
    stderr,
    /^serac: .*extra\.conf:2: there is no option bind_prt in \[DEFAULT\] \(did you mean bind_port\?\)\n$/,
  )
})

t.test('a port that is taken', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const { exitCode, stderr } = await start(t, `[DEFAULT]\nbind_port = ${port}\n`)
  t.equal(exitCode, 1)
  t.match(stderr, new RegExp(`^serac: could not start: .*${port}.*\\n$`))
})
