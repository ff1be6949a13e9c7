import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { type CliIo, EXIT_FAILED, EXIT_OK, EXIT_USAGE } from '../../../node/cli/cli-io.ts'
import { runCli } from '../../../node/cli.ts'

/** Runs a command and gives back what a shell would see. */
async function run(args: string[], environment: CliIo['environment'] = {}) {
  const output = { stdout: '', stderr: '' }
  const exitCode = await runCli(args, {
    environment,
    print: (text) => (output.stdout += text),
    complain: (text) => (output.stderr += text),
    ask: async () => null,
    isTerminal: false,
  })
  return { exitCode, ...output }
}

t.test('version and help', async (t) => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
  t.strictSame(await run(['--version']), { exitCode: EXIT_OK, stdout: `${version}\n`, stderr: '' })
  const help = await run(['--help'])
  t.equal(help.exitCode, EXIT_OK)
  for (const command of ['start', 'keygen', 'config', 'status']) t.match(help.stdout, `  ${command} `)
})

t.test('slips are explained, with an exit code that is no verdict', async (t) => {
  const slips: [string[], RegExp][] = [
    [['stats'], /Did you mean status\?/],
    [['config', 'chek'], /Did you mean check\?/],
    [['start', '--config'], /unknown option '--config'/],
    [['status', '-f', 'xml'], /Allowed choices are table, json, value/],
    [['keygen'], /--state-path/],
  ]
  for (const [args, message] of slips) {
    const { exitCode, stdout, stderr } = await run(args)
    t.equal(exitCode, EXIT_USAGE, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, message)
    t.notMatch(stderr, /\n\s+at /, 'no stack trace')
  }
})

t.test('config sample prints the file in deploy/', async (t) => {
  t.equal((await run(['config', 'sample'])).stdout, await readFile('deploy/serac.conf.sample', 'utf8'))
})

t.test('keygen makes the key once, for its owner only, and config check takes its id', async (t) => {
  const statePath = join(t.testdir(), 'state')
  const first = await run(['keygen', '--state-path', statePath])
  t.match(first, { exitCode: EXIT_OK, stdout: /^12D3KooW\w{44}\n$/, stderr: '' })
  t.strictSame(await run(['keygen', '--state-path', statePath]), first)
  t.equal((await stat(join(statePath, 'node.key'))).mode & 0o777, 0o600)

  const member = `${first.stdout.trim()}@10.0.0.1:9293`
  const text = `[DEFAULT]\nauth_strategy = noauth\nbind_host = ::1\n[cluster]\ninitial_members = ${member}\n`
  const file = join(t.testdir({ 'serac.conf': text }), 'serac.conf')
  t.strictSame(await run(['config', 'check', '--config-file', file]), {
    exitCode: EXIT_OK,
    stdout: `The configuration is valid (${file}).\n`,
    stderr: '',
  })
})

t.test('config check lists what is wrong', async (t) => {
  const directory = t.testdir({ 'a.conf': '[DEFAULT]\nbind_prt = 1\n', 'b.conf': '[clustr]\n' })
  t.strictSame(
    await run(['config', 'check', '--config-dir', directory], { OS_CLUSTER__INITIAL_MEMBERS: 'x' }),
    {
      exitCode: EXIT_FAILED,
      stdout: '',
      stderr:
        `serac: ${directory}/a.conf:2: there is no option bind_prt in [DEFAULT] (did you mean bind_port?)\n` +
        `${directory}/b.conf:1: there is no section [clustr] (did you mean cluster?)\n` +
        "OS_CLUSTER__INITIAL_MEMBERS: initial_members must be NODE_ID@HOST:CONTROL_PORT[?zone=ZONE&weight=NUMBER&role=voter|storage|edge], not 'x'\n",
    },
  )
})

t.test('nodes set asks for what to change, and sends it with what its parent takes', async (t) => {
  const asked: string[] = []
  const member = {
    id: 'node-0001',
    address: 'a:1',
    role: 'voter',
    zone: null,
    weight: 1,
    votes: true,
    state: 'alive',
  }
  const invites = { open: 0, refusedJoins: 0 }
  const nodes = { clusterId: 'c', epoch: 1, joint: null, nodes: [member], invites }
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    asked.push(`${request.method} ${request.url} ${await text(request)}`)
    response.end(JSON.stringify(nodes))
  }
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const set = (...args: string[]) => run(['nodes', 'set', '0001', '--url', url, '-f', 'json', ...args])
  t.match(await set('--zone', 'rack-2', '--weight', '2.5'), { exitCode: EXIT_OK, stdout: /"node-0001"/ })
  t.match(await set('--no-zone'), { exitCode: EXIT_OK })
  t.match(await set(), { exitCode: EXIT_FAILED, stderr: /say what to change/ })
  t.match(await set('--weight', '0'), { exitCode: EXIT_USAGE, stderr: /above 0/ })
  const puts = asked.filter((line) => line.startsWith('PUT'))
  t.strictSame(puts, [
    'PUT /v1/cluster/nodes/node-0001 {"zone":"rack-2","weight":2.5}',
    'PUT /v1/cluster/nodes/node-0001 {"zone":null}',
  ])
})

t.test('invites are made, listed in 80 columns, and revoked', async (t) => {
  const asked: string[] = []
  const usedBy = `12D3KooW${'x'.repeat(44)}`
  const invites = [
    { id: 'aaaaaaaa', state: 'open', expiresAt: '2026-01-01T00:00:00.000Z', usedBy: null },
    { id: 'bbbbbbbb', state: 'used', expiresAt: '2026-01-01T00:00:00.000Z', usedBy },
  ]
  const made = { id: 'cccccccc', token: 'TOKEN', expiresAt: '2026-01-01T00:00:00.000Z' }
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    asked.push(`${request.method} ${request.url} ${await text(request)}`)
    if (request.method === 'DELETE') response.statusCode = 204
    response.end(
      request.method === 'DELETE' ? '' : JSON.stringify(request.method === 'POST' ? made : { invites }),
    )
  }
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.match(await run(['invite', '--url', url, '--expires', '5min', '--addresses']), {
    stdout: 'TOKEN\n',
    stderr: /serac invites --revoke cccccccc\n$/,
  })
  const { stdout } = await run(['invites', '--url', url])
  t.match(stdout, /^INVITE .*\naaaaaaaa  open .* -\nbbbbbbbb  used .*…x+\n$/)
  t.ok(stdout.split('\n').every((line) => line.length <= 80))
  t.equal((await run(['invites', '--url', url, '-f', 'value'])).stdout, 'aaaaaaaa open\nbbbbbbbb used\n')
  t.match(await run(['invites', '--url', url, '--revoke', 'aaaaaaaa']), {
    exitCode: EXIT_OK,
    stdout: /Nobody can/,
  })
  t.strictSame(asked, [
    'POST /v1/cluster/invites {"expiresSeconds":300,"byAddresses":true}',
    ...['GET /v1/cluster/invites ', 'GET /v1/cluster/invites '],
    'DELETE /v1/cluster/invites/aaaaaaaa ',
  ])
})

t.test('policy list and check', async (t) => {
  const directory = t.testdir({ 'policy.yaml': 'get_image: "role:auditor"\nmodfy_image: "!"\n' })
  const file = join(directory, 'policy.yaml')
  const environment = {
    OS_DEFAULT__AUTH_STRATEGY: 'trusted_headers',
    OS_DEFAULT__BIND_HOST: '127.0.0.1',
    OS_OSLO_POLICY__POLICY_FILE: file,
    OS_OSLO_POLICY__POLICY_DIRS: '',
  }
  t.strictSame(await run(['policy', 'check'], environment), {
    exitCode: EXIT_OK,
    stdout: 'The policy is valid: 2 of 69 rules come from files.\n',
    stderr: `${file}: nothing asks for the rule modfy_image (did you mean modify_image?)\n`,
  })
  const { stdout } = await run(['policy', 'list'], environment)
  t.match(
    stdout,
    `get_image (${file})\n    role:auditor\nget_images\n    rule:context_is_admin or (role:reader and`,
  )
  t.ok(stdout.split('\n').every((line) => line.length <= 80 || line.includes(file)))
  const json = JSON.parse(
    (await run(['policy', 'list', '--format', 'json'], environment)).stdout,
  ) as unknown[]
  t.match(json[0], { name: 'default', rule: '', file: null })

  const protections = join(directory, 'protections.conf')
  const lines = ['[.*]', 'create = admin', 'read = @', 'update = admin', 'delete = admin']
  await writeFile(protections, `${lines.join('\n')}\n`)
  const protecting = { ...environment, OS_DEFAULT__PROPERTY_PROTECTION_FILE: protections }
  t.match(
    (await run(['policy', 'check'], protecting)).stdout,
    `\nThe property protections are valid: 1 section of roles, in ${protections}.\n`,
  )
  await writeFile(protections, lines.slice(0, -1).join('\n'))
  const open = await run(['policy', 'check'], protecting)
  t.match(open, { exitCode: EXIT_FAILED, stderr: `${protections}:1: [.*] does not say who may delete` })

  await writeFile(file, 'get_image: "http://x/"\nadd_image: "role:a role:b"\n')
  const wrong = await run(['policy', 'check'], environment)
  t.equal(wrong.exitCode, EXIT_FAILED)
  t.match(wrong.stderr, /get_image: .*ask a server.*\n.*add_image: .*is missing/)
})
