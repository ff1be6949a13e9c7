/** A gossipsub made for libp2p 2 loads beside libp2p 3 and delivers nothing: what was built with it must not start. */
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { DevNode } from '../../deploy/dev/dev-node.ts'
import { nodeConfig } from '../../deploy/dev/node-config.ts'
import { keygen } from '../../node/cli/keygen.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

/** What the bundle is made of; the page has no other form than its sources. */
const BUNDLED_FROM = ['package.json', 'tsconfig.json', 'dist', 'api/status/page']

t.test('serac start with the wrong gossipsub', async (t) => {
  const directory = t.testdir()
  // All other packages are found where they are, in a folder further up.
  const modules = join(directory, 'node_modules/@chainsafe')
  await mkdir(modules, { recursive: true })
  await symlink(join(PROJECT_ROOT, 'node_modules/gossipsub-for-libp2p-2'), join(modules, 'libp2p-gossipsub'))
  for (const part of BUNDLED_FROM)
    await cp(join(PROJECT_ROOT, part), join(directory, part), { recursive: true })
  const bundled = await runCommand(process.execPath, [join(directory, 'dist/deploy/bundle.js')])
  t.equal(bundled.exitCode, 0, bundled.stderr)
  const node = new DevNode(directory, await freeBasePort(4), 0)
  const member = `${await keygen(node.directory)}@127.0.0.1:${node.controlPort}`
  await writeFile(node.configFile, nodeConfig(node, [member], []))

  const program = join(directory, 'dist/bin/serac.cjs')
  const { exitCode, stderr } = await runCommand(process.execPath, [
    program,
    'start',
    '--config-file',
    node.configFile,
  ])

  t.equal(exitCode, 1)
  t.match(
    stderr,
    /^serac: could not start: @chainsafe\/libp2p-gossipsub 14\S+ delivers nothing beside libp2p 3\./,
  )
  t.match(stderr, 'npm ci', 'what to do')
  t.equal(await node.probe('/healthcheck'), null)
})
