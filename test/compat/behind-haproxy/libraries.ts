/** What clouds are driven by besides the command line: each library uploads, lists, downloads and deletes, through HAProxy. */
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../../helpers/run-command.ts'
import { PROJECT_ROOT } from '../../helpers/test-program.ts'
import { fileFacts, ISO } from '../bootable-image.ts'
import { controllers, environmentOf, statusOf } from './controllers.ts'

interface Report {
  made: { id: string; status: string; size: number }
  /** Ids of the images of the library's own name, before the deletion and after. */
  listed: string[]
  left: string[]
}

const PYTHON = '/usr/bin/python3'

async function command(library: string, directory: string): Promise<string[]> {
  const source = (extension: string) =>
    join(PROJECT_ROOT, 'test/compat/libraries', `with-${library}.${extension}`)
  if (library === 'fog') return ['/usr/bin/ruby', source('rb')]
  if (library !== 'gophercloud') return [PYTHON, source('py')]
  const program = join(directory, 'with-gophercloud')
  // Debian's packages are sources in a GOPATH; nothing is fetched.
  const environment = {
    PATH: '/usr/bin:/bin',
    HOME: directory,
    GOPATH: '/usr/share/gocode',
    GO111MODULE: 'off',
  }
  const build = await runCommand('go', ['build', '-o', program, source('go')], { environment })
  if (build.exitCode !== 0) throw new Error(`go build ended with ${build.exitCode}: ${build.stderr}`)
  return [program]
}

for (const library of ['nova', 'cinder', 'openstacksdk', 'gophercloud', 'libcloud', 'fog'])
  t.test(`the life of an image through ${library}`, async (t) => {
    const { token, userId, projectId } = await controllers.keystone.issueToken('demo')
    const environment = {
      ...(await environmentOf(t, 'demo')),
      OS_PROJECT_ID: projectId!,
      // nova and cinder act with the token of whoever asked them, and have the address in their configuration.
      USER_ID: userId,
      TOKEN: token,
      IMAGE_URL: controllers.haproxy.url,
    }
    const directory = t.testdir()
    const saved = join(directory, 'saved')
    const [program = '', ...args] = await command(library, directory)
    const { exitCode, stdout, stderr } = await runCommand(program, [...args, ISO, saved], { environment })
    if (exitCode !== 0) throw new Error(`with-${library} ended with ${exitCode}: ${stderr}`)
    const { made, listed, left } = JSON.parse(stdout) as Report
    const iso = await fileFacts(ISO)
    t.match(made, { status: 'active', size: iso.size })
    t.strictSame({ listed, left }, { listed: [made.id], left: [] })
    t.strictSame(await fileFacts(saved), iso)
    for (const node of controllers.nodeUrls.keys())
      t.equal(await statusOf(token, { node, path: `/v2/images/${made.id}` }), 404)
  })
