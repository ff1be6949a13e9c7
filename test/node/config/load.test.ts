import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { systemRandom } from '../../../cluster/runtime.ts'
import { ConfigError } from '../../../node/config/config-error.ts'
import type { Environment } from '../../../node/config/environment.ts'
import { loadConfig } from '../../../node/config/load.ts'

const [one, two, three] = [0, 1, 2].map(
  (index) => `${createIdentity(systemRandom).id}@10.0.0.${index + 1}:9293`,
)
const MEMBER = `[cluster]\ninitial_members = ${one}\n`

/** What auth_strategy keystone, which is the default, cannot do without. */
const KEYSTONE: Environment = {
  OS_KEYSTONE_AUTHTOKEN__AUTH_URL: 'http://keystone:5000/v3',
  OS_KEYSTONE_AUTHTOKEN__USERNAME: 'glance',
  OS_KEYSTONE_AUTHTOKEN__PASSWORD: 'se$$cret',
  OS_KEYSTONE_AUTHTOKEN__PROJECT_NAME: 'service',
}

/** Loads the files of a test directory, in the order of their names; those under conf.d/ as a directory. */
async function load(t: Test, files: Record<string, string>, environment: Environment = {}) {
  const root = t.testdir(files)
  const paths = Object.keys(files).map((name) => join(root, name))
  return (await loadConfig({ files: paths, directories: [] }, { ...KEYSTONE, ...environment })).config
}

/** The problems of a configuration that must be refused, with the directory cut from their origins. */
async function refused(t: Test, files: Record<string, string>, environment: Environment = {}) {
  try {
    await load(t, files, environment)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ origin, message }) => [
      origin?.replace(`${t.testdirName}/`, '') ?? null,
      message,
    ])
  }
  throw new Error('the configuration was accepted')
}

t.test('the defaults, in their types', async (t) => {
  const config = await load(t, { 'a.conf': MEMBER })
  t.strictSame(config.default, {
    bindHost: '0.0.0.0',
    bindPort: 9292,
    publicEndpoint: null,
    statePath: '/var/lib/serac',
    authStrategy: 'keystone',
    insecureAllowRemote: false,
    allowAnonymousAccess: false,
    pathPrefix: '',
    certFile: null,
    keyFile: null,
    clientSocketTimeout: 900_000,
    enabledBackends: [],
    enabledImportMethods: ['glance-direct', 'web-download', 'copy-image'],
    shutdownDelay: 5000,
    gracefulShutdownTimeout: 60_000,
    enableV1Api: false,
    defaultPublisherId: 'image.localhost',
    disabledNotifications: [],
    debug: false,
    logFormat: 'json',
    limitParamDefault: 25,
    apiLimitMax: 1000,
    imageSizeCap: 1024 ** 4,
    showMultipleLocations: false,
    showImageDirectUrl: false,
    doSecureHash: true,
    httpRetries: 3,
    delayedDelete: false,
    scrubTime: 0,
    useKeystoneLimits: false,
    propertyProtectionFile: null,
    propertyProtectionRuleFormat: 'roles',
    imageMemberQuota: 128,
    imagePropertyQuota: 128,
    imageTagQuota: 128,
    imageCacheDir: null,
    imageCacheMaxSize: 10 * 1024 ** 3,
    imageLocationQuota: 10,
    userStorageQuota: 0,
    maxRequestIdLength: 64,
    hashingAlgorithm: 'sha512',
  })
  t.match(config.cluster, { controlPort: 9293, bulkPort: 9294, advertiseHost: null, staleLists: false })
  t.equal(config.cluster.keyFile, '/var/lib/serac/node.key')
  t.match(config.cluster.initialMembers, [{ address: '10.0.0.1:9293', role: 'voter' }])
  t.strictSame(config.memory, {
    uploads: 256 * 1024 ** 2,
    downloads: 320 * 1024 ** 2,
    peers: 192 * 1024 ** 2,
  })
  t.equal(config.replication.durableCopies, 2)
  t.ok(config.imageFormat.diskFormats.includes('qcow2'))
  t.equal(config.healthcheck.disableByFilePath, '/etc/serac/healthcheck_disable')
})

t.test('later files win, multi options gather, section names ignore case but DEFAULT', async (t) => {
  const config = await load(t, {
    'a.conf': `[DEFAULT]\nbind_port = 1\nbind_port = 2\ndebug = yes\n${MEMBER}initial_members = ${two}\n`,
    'b.conf': `[DEFAULT]\nbind_port = 3\n[CLUSTER]\ninitial_members: ${three}\n`,
  })
  t.equal(config.default.bindPort, 3)
  t.equal(config.default.debug, true)
  t.strictSame(
    config.cluster.initialMembers.map(({ address }) => address),
    ['10.0.0.1:9293', '10.0.0.2:9293', '10.0.0.3:9293'],
  )
  t.strictSame(await refused(t, { 'a.conf': `[default]\ndebug = true\n${MEMBER}` }), [
    ['a.conf:1', 'there is no section [default] (did you mean DEFAULT?)'],
  ])
})

t.test('a directory is read in the order of the names, *.conf only, after the files', async (t) => {
  const root = t.testdir({
    'z.conf': `[DEFAULT]\nbind_port = 1\n${MEMBER}`,
    'conf.d': {
      '20.conf': '[DEFAULT]\nbind_port = 20\n',
      '10.conf': '[DEFAULT]\nbind_port = 10\nmax_request_id_length = 10\n',
      '30.conf.old': 'not read',
      '.40.conf': 'not read',
    },
  })
  const directory = join(root, 'conf.d')
  const { config, files } = await loadConfig(
    { files: [join(root, 'z.conf')], directories: [directory] },
    KEYSTONE,
  )
  t.equal(config.default.bindPort, 20)
  t.equal(config.default.maxRequestIdLength, 10)
  t.strictSame(files, [join(root, 'z.conf'), join(directory, '10.conf'), join(directory, '20.conf')])
})

t.test('the environment is above the files and ignores what is not ours', async (t) => {
  const config = await load(
    t,
    { 'a.conf': `[DEFAULT]\nbind_port = 1\n${MEMBER}` },
    {
      OS_DEFAULT__BIND_PORT: '5',
      OS_CLUSTER__INITIAL_MEMBERS: `${one}, ${two}\n${three}\n`,
      OS_CLUSTER__KEY_FILE: '/keys/node.key',
      OS_USERNAME: 'glance',
      OS_AUTH_URL: 'http://keystone',
    },
  )
  t.equal(config.default.bindPort, 5)
  t.equal(config.cluster.initialMembers.length, 3)
  t.equal(config.cluster.keyFile, '/keys/node.key')
})

t.test('values from files named by the environment', async (t) => {
  const root = t.testdir({ port: '7\n' })
  const paths = { files: [], directories: [root] }
  const members = { ...KEYSTONE, OS_CLUSTER__INITIAL_MEMBERS: one }
  const { config } = await loadConfig(paths, { ...members, OS_DEFAULT__BIND_PORT_FILE: join(root, 'port') })
  t.equal(config.default.bindPort, 7)
  await t.rejects(
    loadConfig(paths, {
      ...members,
      OS_DEFAULT__BIND_PORT_FILE: join(root, 'port'),
      OS_DEFAULT__BIND_PORT: '8',
    }),
    { message: /^OS_DEFAULT__BIND_PORT_FILE: OS_DEFAULT__BIND_PORT is set as well/ },
  )
  await t.rejects(loadConfig(paths, { ...members, OS_DEFAULT__BIND_PORT_FILE: join(root, 'absent') }), {
    message: /^OS_DEFAULT__BIND_PORT_FILE: cannot read the file it names: ENOENT/,
  })
})

t.test('substitution reaches the own section, [DEFAULT], named sections and defaults', async (t) => {
  const config = await load(t, {
    'a.conf':
      `[DEFAULT]\nstate_path = /srv/$$1/\${bind_port}\nbind_port = 91\npublic_endpoint = http://x/$cluster.bulk_port\n` +
      `${MEMBER}advertise_host = h$control_port\n`,
  })
  t.equal(config.default.statePath, '/srv/$1/91')
  t.equal(config.cluster.keyFile, '/srv/$1/91/node.key')
  t.equal(config.default.publicEndpoint, 'http://x/9294')
  t.equal(config.cluster.advertiseHost, 'h9293')
})

t.test('all problems are reported at once, with their places', async (t) => {
  const problems = await refused(
    t,
    {
      'a.conf':
        '[DEFAULT]\nbind_prt = 1\nbind_port = many\nstate_path = $nowhere\ncontrol_port = 1\nnonsense\n[clustr]\na = 1\nb = 2\n',
    },
    { OS_DEFAULT__DEBG: 'true', OS_STORE__BALLAST: 'heavy' },
  )
  t.strictSame(problems.slice(0, 6), [
    ['a.conf:6', 'expected KEY = VALUE'],
    ['a.conf:7', 'there is no section [clustr] (did you mean cluster?)'],
    ['a.conf:2', 'there is no option bind_prt in [DEFAULT] (did you mean bind_port?)'],
    ['a.conf:5', 'there is no option control_port in [DEFAULT] (it belongs to [cluster])'],
    ['OS_DEFAULT__DEBG', 'there is no such option (did you mean OS_DEFAULT__DEBUG?)'],
    ['a.conf:3', "bind_port must be an integer from 1 to 65535, not 'many'"],
  ])
  t.match(problems.slice(6), [
    ['a.conf:4', /^state_path: there is no option for \$nowhere/],
    [null, /^key_file: there is no option for \$nowhere/],
    ['OS_STORE__BALLAST', /^ballast must be a size .* not 'heavy'$/],
  ])
})

t.test('the wrong one of several values is named', async (t) => {
  t.match(await refused(t, { 'a.conf': `${MEMBER}initial_members = here\ninitial_members = ${two}\n` }), [
    ['a.conf:3', /^initial_members must be NODE_ID@.* not 'here'$/],
  ])
})

t.test('the rendezvous is in nodes of one kind, by IPv4', async (t) => {
  const file = `${MEMBER}bind_host = fd00::1\nrendezvous_bootstrap = public, 10.0.0.1:9296\n`
  t.match(await refused(t, { 'a.conf': file }), [
    ['a.conf:4', 'rendezvous_bootstrap is either public, or nodes of your own'],
    ['a.conf:4', 'rendezvous_bootstrap needs IPv4, and bind_host is fd00::1'],
  ])
  t.match(await refused(t, { 'a.conf': `${MEMBER}rendezvous_bootstrap = 10.0.0.1\n` }), [
    ['a.conf:3', /^rendezvous_bootstrap must be HOST:PORT or public, not/],
  ])
})

t.test('circles and lists in substitutions', async (t) => {
  t.match(
    await refused(t, {
      'a.conf': `[DEFAULT]\nbind_host = $bind_host\nstate_path = $initial_members\n${MEMBER}`,
    }),
    [
      ['a.conf:2', /is part of itself/],
      ['a.conf:3', /there is no option for \$initial_members/],
      [null, /key_file/],
    ],
  )
  t.match(await refused(t, { 'a.conf': `[DEFAULT]\nbind_host = $cluster.initial_members\n${MEMBER}` }), [
    ['a.conf:2', /has several values/],
  ])
})

t.test('rules between options', async (t) => {
  t.match(await refused(t, { 'a.conf': `[DEFAULT]\nauth_strategy = noauth\n${MEMBER}` }), [
    ['a.conf:2', /^auth_strategy noauth believes everybody .* insecure_allow_remote = true/],
  ])
  for (const words of ['bind_host = 127.0.0.1', 'bind_host = ::1', 'insecure_allow_remote = true']) {
    await load(t, { 'a.conf': `[DEFAULT]\nauth_strategy = trusted_headers\n${words}\n${MEMBER}` })
  }
  t.match(await refused(t, { 'a.conf': `[DEFAULT]\nlimit_param_default = 2000\n${MEMBER}` }), [
    ['a.conf:2', /must not be above api_limit_max 1000/],
  ])
  t.match(await refused(t, { 'a.conf': `[operator]\nport = 9294\n${MEMBER}` }), [
    ['a.conf:2', '[operator] port and [cluster] bulk_port are both 9294'],
  ])
  await load(t, { 'a.conf': `[operator]\nport = 9294\n${MEMBER}bind_host = 10.0.0.1\n` })
  t.match(await refused(t, { 'a.conf': `[DEFAULT]\ncert_file = /tls/cert.pem\n${MEMBER}` }), [
    ['a.conf:2', 'cert_file and key_file need each other'],
  ])
  t.match(
    await refused(t, { 'a.conf': `[DEFAULT]\nclient_socket_timeout = 0\npath_prefix = image\n${MEMBER}` }),
    [['a.conf:3', /^path_prefix must be a path/]],
  )
  t.match(await refused(t, { 'a.conf': `[DEFAULT]\nclient_socket_timeout = 0\n${MEMBER}` }), [
    ['a.conf:2', 'client_socket_timeout must be above 0'],
  ])
  t.match(await refused(t, { 'a.conf': `${MEMBER}initial_members = ${two}\n` }), [
    ['a.conf:3', /there must be 1, 3, 5, 7 voters, not 2/],
  ])
})

t.test('[keystone_authtoken]', async (t) => {
  const { keystoneAuthtoken } = await load(t, { 'a.conf': MEMBER })
  t.match(keystoneAuthtoken, { authUrl: 'http://keystone:5000/v3', username: 'glance', password: 'se$cret' })
  t.match(keystoneAuthtoken, { interface: 'internal', tokenCacheTime: 300, httpConnectTimeout: 5000 })
  t.match(keystoneAuthtoken, { serviceTokenRoles: ['service'], delayAuthDecision: false })

  const paths = { files: [], directories: [] }
  await t.rejects(loadConfig(paths, {}), {
    message:
      'auth_strategy keystone needs auth_url, username, password, project_name in [keystone_authtoken]',
  })
  await loadConfig(paths, { OS_DEFAULT__AUTH_STRATEGY: 'noauth', OS_DEFAULT__BIND_HOST: '127.0.0.1' })
  t.match(await refused(t, { 'a.conf': `[keystone_authtoken]\ncertfile = /c.pem\n${MEMBER}` }), [
    ['a.conf:2', 'certfile and keyfile in [keystone_authtoken] need each other'],
  ])
  t.match(await refused(t, { 'a.conf': `[keystone_authtoken]\nhttp_connect_timeout = 0\n${MEMBER}` }), [
    ['a.conf:2', 'http_connect_timeout must be above 0'],
  ])
})

t.test('what is wrong with a password is told without it', async (t) => {
  const problems = await refused(t, { 'a.conf': MEMBER }, { OS_KEYSTONE_AUTHTOKEN__PASSWORD: 'hun$ter2' })
  t.strictSame(problems, [['OS_KEYSTONE_AUTHTOKEN__PASSWORD', 'password: write $$ for a dollar sign']])
})

t.test('a named file or directory must be there', async (t) => {
  await t.rejects(loadConfig({ files: ['/nowhere/serac.conf'], directories: ['/nowhere/conf.d'] }, {}), {
    message: /^\/nowhere\/conf.d: cannot be read: .*\n\/nowhere\/serac.conf: cannot be read: ENOENT/,
  })
})

t.test('notifications need a broker, whose password nobody reads', async (t) => {
  const section = '[oslo_messaging_notifications]\ndriver = messagingv2\n'
  await t.rejects(load(t, { 'a.conf': `${MEMBER}${section}` }), {
    message: /driver messagingv2 needs transport_url/,
  })
  const bad = load(t, { 'a.conf': `${MEMBER}${section}transport_url = amqp://u:hush@mq/\n` })
  await t.rejects(bad, { message: /transport_url must be rabbit:/ })
  await bad.catch((error: Error) => t.notMatch(error.message, 'hush'))
  const url = 'rabbit://u:p@10.0.0.1,u:p@10.0.0.2/'
  const { osloMessagingNotifications } = await load(t, {
    'a.conf': `${MEMBER}${section}transport_url = ${url}\n`,
  })
  t.match(osloMessagingNotifications, { topics: ['notifications'], transportUrl: { length: 2 } })
})

t.test('each of the enabled back ends has a section of its own', async (t) => {
  const file = [
    MEMBER,
    '[DEFAULT]\nenabled_backends = fast:file, Big:s3,sw:swift,ceph:rbd,vm:vmware',
    '[glance_store]\ndefault_backend = Big',
    '[fast]\nfilesystem_store_datadir = /mnt/images/glance\nfilesystem_store_file_perm = 640\nweight = 5',
    '[big]\ns3_store_host = https://s3.example\ns3_store_access_key = ak\ns3_store_bucket = images',
    '[sw]\nswift_store_auth_address = https://keystone:5000/v3\nswift_store_user = service:glance',
    'swift_store_key = pw\nstore_description = the old one',
    '[ceph]\nrbd_store_user = glance\nrbd_store_pool = vms',
    '[vm]\nvmware_server_host = vcenter.example\nvmware_server_username = glance\nvmware_server_password = pw',
    'vmware_datastores = dc/one:slow\nvmware_datastores = dc/one:fast:10',
  ].join('\n')
  const secrets = { OS_BIG__S3_STORE_SECRET_KEY: 'secret' }
  const { backends, default: api } = await load(t, { 'a.conf': file }, secrets)
  t.strictSame(
    api.enabledBackends.map(({ id }) => id),
    ['fast', 'Big', 'sw', 'ceph', 'vm'],
  )
  t.match(backends, [
    { id: 'fast', type: 'file', weight: 5, filesystemStoreFilePerm: 640, storeDescription: null },
    { id: 'Big', type: 's3', s3StoreSecretKey: 'secret', s3StoreBucketUrlFormat: 'auto' },
    { id: 'sw', type: 'swift', swiftStoreContainer: 'glance', storeDescription: 'the old one' },
    { id: 'ceph', type: 'rbd', rbdStorePool: 'vms', rbdStoreChunkSize: 8, rbdStoreCephConf: null },
    {
      ...{ id: 'vm', type: 'vmware', vmwareStoreImageDir: '/openstack_glance', vmwareInsecure: false },
      vmwareDatastores: [
        { datacenter: 'dc/one', name: 'slow', weight: 0 },
        { datacenter: 'dc/one', name: 'fast', weight: 10 },
      ],
    },
  ])
  t.match(await refused(t, { 'a.conf': file }), [[null, 'the store Big needs s3_store_secret_key in [Big]']])
  t.strictSame(
    await refused(t, {
      'a.conf': `${MEMBER}[DEFAULT]\nenabled_backends = a:file\n[a]\nfilesystem_store_dir = /x\n`,
    }),
    [
      ['a.conf:6', 'there is no option filesystem_store_dir in [a] (did you mean filesystem_store_datadir?)'],
      [null, 'the store a needs filesystem_store_datadir in [a]'],
    ],
  )
  const taken = `${MEMBER}[DEFAULT]\nenabled_backends = http:file\n[http]\nfilesystem_store_datadir = /x\n`
  t.match(await refused(t, { 'a.conf': taken }), [['a.conf:4', /the name http is taken/]])
  for (const entry of ['cors:file', 'a:cinder', 'a'])
    await t.rejects(load(t, { 'a.conf': `${MEMBER}[DEFAULT]\nenabled_backends = ${entry}\n` }), ConfigError)
})
