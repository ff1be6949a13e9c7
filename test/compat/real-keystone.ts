/** A real Keystone, of Debian's package, on loopback and with its state in a directory of its own. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { NodeProcess } from '../../deploy/dev/node-process.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

/** Users of the domain `default`, each with a project and roles; the password is the name and `pw`. */
const USERS = {
  admin: { project: 'admin', roles: ['admin'] },
  demo: { project: 'demo', roles: ['member'] },
  reader: { project: 'demo', roles: ['reader'] },
  stranger: { project: 'alt', roles: ['member'] },
  serac: { project: 'service', roles: ['service', 'admin'] },
  nova: { project: 'service', roles: ['service'] },
} as const

export type UserName = keyof typeof USERS

export interface IssuedToken {
  token: string
  userId: string
  projectId: string | null
  expiresAtMs: number
}

interface TokenAnswer {
  token: { expires_at: string; user: { id: string }; project?: { id: string } }
}

const TOKEN_SECONDS = 3600
/** Loading it takes seconds, on a busy machine many. */
const READY_LIMIT_MS = 120_000
const ANSWER_LIMIT_MS = 30_000
const DOMAIN = { id: 'default' }
const REGION = 'one'
const OTHER_SERVICES = [
  ['compute', 'nova'],
  ['network', 'neutron'],
  ['volumev2', 'cinderv2'],
  ['volumev3', 'cinderv3'],
] as const
/** Of a user of nodes that is made by the script. */
export const IMAGES_PASSWORD = 'imagespw'
const REGISTER = join(PROJECT_ROOT, 'deploy/keystone-register')
/** The port for nothing (discard). */
const NOBODY = 'http://127.0.0.1:9'

export class RealKeystone {
  readonly url: string
  readonly directory: string
  readonly process: NodeProcess
  readonly #port: number
  readonly #userIds = new Map<UserName, string>()
  readonly #projectIds = new Map<string, string>()
  #imageServiceId = ''
  #adminToken = ''

  private constructor(directory: string, port: number) {
    this.directory = directory
    this.#port = port
    this.url = `http://127.0.0.1:${port}/v3`
    this.process = new NodeProcess({ pid: join(directory, 'pid'), log: join(directory, 'log') })
  }

  /** Runs until `t` ends, with its users and no service but itself. */
  static async start(t: Test): Promise<RealKeystone> {
    const directory = await mkdtemp(join(tmpdir(), 'serac-compat-keystone-'))
    const keystone = new RealKeystone(directory, await freeBasePort(1))
    t.teardown(async () => {
      await keystone.process.kill()
      await rm(directory, { recursive: true })
    })
    await keystone.#prepare()
    await keystone.run()
    await keystone.#addUsers()
    return keystone
  }

  /** Starts the process, which must not run, and waits until it answers. Tokens issued by it live for `tokenSeconds`. */
  async run(tokenSeconds = TOKEN_SECONDS): Promise<void> {
    await this.#writeConfig(tokenSeconds)
    const command = ['/usr/bin/python3', '/usr/bin/keystone-wsgi-public']
    const environment = { PATH: '/usr/bin:/bin', OS_KEYSTONE_CONFIG_FILES: this.#configFile }
    await this.process.start([...command, '--host', '127.0.0.1', '--port', String(this.#port)], environment)
    const isUp = () =>
      fetch(this.url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) }).then(
        ({ ok }) => ok,
        () => false,
      )
    if (await waitFor(isUp, { limitMs: READY_LIMIT_MS, signal: undefined })) return
    throw new Error(`Keystone did not start:\n${await this.process.logTail()}`)
  }

  /** Makes `url` the endpoint of the image service, as the users' catalogues tell it. */
  async registerImageService(url: string): Promise<void> {
    await registerWith(this, url)
    const answer = await this.#send('GET', 'services?type=image', null, this.#adminToken)
    const { services } = (await answer.json()) as { services: { id: string }[] }
    this.#imageServiceId = services[0]!.id
    // libcloud wants to know of these first, and asks them nothing.
    for (const [type, name] of OTHER_SERVICES) await this.#register(type, name, NOBODY)
  }

  /** What every project may have of images; a negative number is no limit. */
  async registerLimits(limits: Readonly<Record<string, number>>): Promise<void> {
    const registered = Object.entries(limits).map(([name, limit]) => ({
      ...this.#limited(name),
      default_limit: limit,
    }))
    await this.#send('POST', 'registered_limits', { registered_limits: registered }, this.#adminToken)
  }

  /** What the project of `user` may have, instead. */
  async limit(user: UserName, name: string, limit: number): Promise<void> {
    const project = this.#projectIds.get(USERS[user].project)
    const own = { ...this.#limited(name), project_id: project, resource_limit: limit }
    await this.#send('POST', 'limits', { limits: [own] }, this.#adminToken)
  }

  #limited(name: string) {
    return { service_id: this.#imageServiceId, region_id: REGION, resource_name: name }
  }

  /** A token by which `user` acts in its project, or in none. */
  async issueToken(user: UserName, scoped: 'scoped' | 'unscoped' = 'scoped'): Promise<IssuedToken> {
    const identity = {
      methods: ['password'],
      password: { user: { name: user, domain: DOMAIN, password: `${user}pw` } },
    }
    const scope =
      scoped === 'scoped' ? { project: { name: USERS[user].project, domain: DOMAIN } } : 'unscoped'
    const response = await this.#send('POST', 'auth/tokens', { auth: { identity, scope } }, null)
    const { token } = (await response.json()) as TokenAnswer
    return {
      token: response.headers.get('x-subject-token')!,
      userId: token.user.id,
      projectId: token.project?.id ?? null,
      expiresAtMs: Date.parse(token.expires_at),
    }
  }

  async revoke(token: string): Promise<void> {
    await this.#send('DELETE', 'auth/tokens', null, token, { 'x-subject-token': token })
  }

  /** A user that is disabled loses all its tokens. */
  async setEnabled(user: UserName, enabled: boolean): Promise<void> {
    await this.#send('PATCH', `users/${this.#userIds.get(user)}`, { user: { enabled } }, this.#adminToken)
  }

  /** How many tokens other services have asked about so far. */
  async validations(): Promise<number> {
    const log = await readFile(join(this.directory, 'log'), 'utf8')
    return log.split('"GET /v3/auth/tokens').length - 1
  }

  get #configFile(): string {
    return join(this.directory, 'keystone.conf')
  }

  async #prepare(): Promise<void> {
    for (const name of ['policy.d', 'fernet-keys', 'credential-keys'])
      await mkdir(join(this.directory, name), { mode: 0o700 })
    await this.#writeConfig(TOKEN_SECONDS)
    const { username } = userInfo()
    const owner = ['--keystone-user', username, '--keystone-group', username]
    await this.#manage('db_sync')
    await this.#manage('fernet_setup', ...owner)
    await this.#manage('credential_setup', ...owner)
    const urls = ['public', 'internal', 'admin'].flatMap((kind) => [`--bootstrap-${kind}-url`, this.url])
    await this.#manage(
      'bootstrap',
      '--bootstrap-password',
      'adminpw',
      ...urls,
      '--bootstrap-region-id',
      REGION,
    )
  }

  async #manage(...args: string[]): Promise<void> {
    const all = ['--config-file', this.#configFile, ...args]
    const { exitCode, stderr } = await runCommand('/usr/bin/keystone-manage', all)
    if (exitCode !== 0) throw new Error(`keystone-manage ${args[0]} ended with ${exitCode}: ${stderr}`)
  }

  async #writeConfig(tokenSeconds: number): Promise<void> {
    const { directory } = this
    const lines = [
      '[database]',
      `connection = sqlite:///${directory}/keystone.sqlite?timeout=60`,
      'sqlite_synchronous = false',
      '[token]',
      `expiration = ${tokenSeconds}`,
      '[fernet_tokens]',
      `key_repository = ${directory}/fernet-keys`,
      '[fernet_receipts]',
      `key_repository = ${directory}/fernet-keys`,
      '[credential]',
      `key_repository = ${directory}/credential-keys`,
      '[identity]',
      'password_hash_rounds = 4',
      '[oslo_policy]',
      `policy_dirs = ${directory}/policy.d`,
      '[cache]',
      'enabled = true',
      'backend = oslo_cache.dict',
    ]
    await writeFile(this.#configFile, `${lines.join('\n')}\n`)
  }

  async #addUsers(): Promise<void> {
    this.#adminToken = (await this.issueToken('admin')).token
    await this.#create('roles', { role: { name: 'service' } })
    for (const name of ['demo', 'alt', 'service'])
      this.#projectIds.set(
        name,
        (await this.#create('projects', { project: { name, domain_id: DOMAIN.id } })).id,
      )
    const { roles } = (await (await this.#send('GET', 'roles', null, this.#adminToken)).json()) as {
      roles: { id: string; name: string }[]
    }
    const roleIds = new Map(roles.map(({ id, name }) => [name, id]))
    for (const [name, { project, roles: own }] of Object.entries(USERS)) {
      if (name === 'admin') continue
      const user = { name, password: `${name}pw`, domain_id: DOMAIN.id }
      const { id } = await this.#create('users', { user })
      this.#userIds.set(name as UserName, id)
      for (const role of own) {
        const path = `projects/${this.#projectIds.get(project)}/users/${id}/roles/${roleIds.get(role)}`
        await this.#send('PUT', path, null, this.#adminToken)
      }
    }
    // As whoever looks up limits needs it.
    const path = `system/users/${this.#userIds.get('serac')}/roles/${roleIds.get('reader')}`
    await this.#send('PUT', path, null, this.#adminToken)
  }

  async #register(type: string, name: string, url: string): Promise<string> {
    const { id } = await this.#create('services', { service: { type, name } })
    for (const kind of ['public', 'internal', 'admin'])
      await this.#create('endpoints', {
        endpoint: { service_id: id, interface: kind, url, region_id: REGION },
      })
    return id
  }

  async #create(collection: string, body: object): Promise<{ id: string }> {
    const response = await this.#send('POST', collection, body, this.#adminToken)
    const [made] = Object.values((await response.json()) as Record<string, { id: string }>)
    return made!
  }

  async #send(
    method: string,
    path: string,
    body: object | null,
    token: string | null,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const response = await fetch(`${this.url}/${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(token !== null && { 'x-auth-token': token }),
        ...headers,
      },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
    if (response.ok) return response
    throw new Error(`${method} ${path} ended with ${response.status}: ${await response.text()}`)
  }
}

/** What an operator has in its shell to act as `user`. */
export function credentialsOf(keystone: RealKeystone, user: UserName): Record<string, string> {
  return {
    OS_AUTH_URL: keystone.url,
    OS_REGION_NAME: REGION,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: user,
    OS_PASSWORD: `${user}pw`,
    OS_PROJECT_NAME: USERS[user].project,
    OS_USER_DOMAIN_ID: DOMAIN.id,
    OS_PROJECT_DOMAIN_ID: DOMAIN.id,
  }
}

/** The script that we ship, run by an administrator; resolves with what it said. */
export async function registerWith(keystone: RealKeystone, url: string, ...args: string[]): Promise<string> {
  const environment = {
    PATH: '/usr/bin:/bin',
    ...credentialsOf(keystone, 'admin'),
    SERAC_PASSWORD: IMAGES_PASSWORD,
  }
  const { exitCode, stdout, stderr } = await runCommand(REGISTER, [url, ...args], { environment })
  if (exitCode !== 0) throw new Error(`${REGISTER} ended with ${exitCode}: ${stderr}`)
  return stdout
}
