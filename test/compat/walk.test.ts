/**
 * The way of a stranger, see README: three nodes with the settings of the shipped unit, the shipped haproxy.cfg in front,
 * Keystone told by the shipped script, the images of a real Glance moved over; then a controller is lost and replaced and all
 * are restarted, while clients go on. With SERAC_PROBE=full 200 images of 5 GiB together.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LOOPBACK } from '../../deploy/dev/dev-node.ts'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import type { NodesDocument } from '../../node/status/cluster-admin.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { ImageClient } from '../helpers/image-client.ts'
import { inLanes } from '../helpers/lanes.ts'
import { digestOf } from '../helpers/pattern-image.ts'
import { ProbeCluster, SERAC } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { runCommand } from '../helpers/run-command.ts'
import { asMoved, fillGlance, shownBy } from './moving/glance-gallery.ts'
import { RealGlance } from './real-glance.ts'
import { RealHaproxy } from './real-haproxy.ts'
import { credentialsOf, IMAGES_PASSWORD, RealKeystone, registerWith } from './real-keystone.ts'
import { ClientLoad } from './walk/client-load.ts'
import { NotifySockets } from './walk/notify-sockets.ts'
import { ShippedUnit } from './walk/shipped-unit.ts'

const MIB = 1024 ** 2
const BULK = isFullForm ? 190 : 4
const SIZE_BYTES = isFullForm ? 27 * MIB : MIB
const NODES = 3
const LOST = { index: 2, name: 'controller-3' }
/** What is gone with a controller's disk. */
const DATA = ['FORMAT', 'PID', 'meta', 'chunks', 'seg', 'ballast', 'node.key']
/** Of the promise: no write waits longer for the others to notice that a node is gone. */
const WRITE_GAP_MS_MAX = 2000
/** For gigabytes on a busy machine; no assertion. */
const FILL_LIMIT = { limitMs: 600_000 }
/** So long clients go on around every event, ms. */
const QUIET_MS = isFullForm ? 5000 : 200

const keystone = await RealKeystone.start(t)
const haproxyPort = await freeBasePort(1)
const imagesUrl = `http://${LOOPBACK}:${haproxyPort}`

t.test('Keystone is told of the images once', async (t) => {
  const tell = (...args: string[]) => registerWith(keystone, imagesUrl, '--user', 'images', ...args)
  t.match(await tell('--dry-run'), /would be created: service glance of type image/)
  t.match(await tell(), /created: public endpoint in region one/)
  t.equal(await tell(), 'nothing to change\n')
  t.match(await tell('--internal-url', `${imagesUrl}/`), 'nothing to change\n')
  t.match(await tell('--admin-url', 'http://127.0.0.1:9'), /changed: admin endpoint.*\n1 changes\n$/)
  t.match(await tell(), /changed: admin endpoint/)
})

/** By Debian's own middleware, with a user that only the tests have. */
const BEHIND_KEYSTONE = [
  'paste_deploy.flavor=keystone',
  'keystone_authtoken.auth_type=password',
  `keystone_authtoken.auth_url=${keystone.url}`,
  `keystone_authtoken.www_authenticate_uri=${keystone.url}`,
  'keystone_authtoken.username=serac',
  'keystone_authtoken.password=seracpw',
  'keystone_authtoken.project_name=service',
  'keystone_authtoken.user_domain_id=default',
  'keystone_authtoken.project_domain_id=default',
].map(parseSetting)
/** As README has it. */
const NODE_SETTINGS = [
  'DEFAULT.auth_strategy=keystone',
  'oslo_middleware.enable_proxy_headers_parsing=true',
  `keystone_authtoken.auth_url=${keystone.url}`,
  'keystone_authtoken.username=images',
  `keystone_authtoken.password=${IMAGES_PASSWORD}`,
  'keystone_authtoken.project_name=service',
].map(parseSetting)

const unit = await ShippedUnit.read()
const systemd = await NotifySockets.open(t, NODES)
const startNodes = () =>
  ProbeCluster.start(t, {
    settings: NODE_SETTINGS,
    nodeCommand: unit.command,
    placeOf: (index) => ({ host: LOOPBACK, wrapper: unit.wrapper(systemd.paths[index]!) }),
  })

t.test('the walk', async (t) => {
  const token = { 'x-auth-token': (await keystone.issueToken('admin')).token }
  const [glance, cluster] = await Promise.all([RealGlance.start(t, BEHIND_KEYSTONE), startNodes()])
  const haproxy = await RealHaproxy.start(
    t,
    cluster.dev.nodes.map(({ apiUrl }) => apiUrl),
    haproxyPort,
  )
  const [there, here] = [new ImageClient(glance.url, token), new ImageClient(haproxy.url, token)]
  const gallery = await fillGlance(glance, BULK, SIZE_BYTES, there)
  /** Of the images that clients read. */
  const wanted = new Map<string, string>()

  t.test('systemd hears from each node that it serves', async (t) => {
    for (const index of systemd.paths.keys()) {
      await systemd.heard(index, 'READY=1')
      await systemd.heard(index, 'WATCHDOG=1')
      await systemd.heard(index, 'STATUS=Takes reads and writes.')
    }
    t.equal(systemd.said.flat().filter((message) => message === 'READY=1').length, NODES)
  })

  t.test('every image of Glance comes over as it is', async (t) => {
    const credentials = { ...process.env, ...credentialsOf(keystone, 'admin') }
    const began = performance.now()
    const args = ['import-glance', '--from-url', glance.url, '-f', 'json', '--url', operatorOf(cluster)]
    const { exitCode, stdout, stderr } = await runCommand(process.execPath, [SERAC, ...args], {
      environment: credentials,
    })
    t.equal(exitCode, 0, stderr)
    t.match(JSON.parse(stdout), { counts: { moved: gallery.all.length } })
    t.comment(`${gallery.all.length} images came in ${seconds(began)} s`)
    let bytes = 0
    await inLanes(gallery.all.length, async (index) => {
      const id = gallery.all[index]!
      const shown = await shownBy(there, id)
      t.strictSame(await shownBy(here, id), asMoved(shown))
      bytes += Number(shown['size'] ?? 0)
      if (shown['status'] === 'active') wanted.set(id, String(shown['bytes']))
    })
    t.comment(`${bytes} bytes are the same`)
    if (isFullForm) t.ok(bytes >= 5 * 1024 ** 3 && gallery.all.length >= 200)
    await glance.process.kill()
  })

  t.test('a controller is lost, and replaced', async (t) => {
    const load = await ClientLoad.start(t, here, wanted)
    await load.goesOn(QUIET_MS)
    load.begins()
    await cluster.dev.node(LOST.index).process.kill()
    await load.goesOn(QUIET_MS)
    const began = performance.now()
    await replace(cluster)
    await load.goesOn(QUIET_MS)
    t.comment(`it was replaced within ${seconds(began)} s`)
    await load.stop()
    await isSound(t, load, here)
    // While clients are busy it takes its time for that.
    await cluster.full(0, FILL_LIMIT)
    t.comment(`it has every image after ${seconds(began)} s`)
    const failed = new Set(load.failedReads.map(({ requestId }) => requestId))
    const requests = (await haproxy.requests()).filter(({ requestId }) => failed.has(requestId))
    t.strictSame(
      load.failedReads.filter(({ requestId }) => !requests.some((logged) => logged.requestId === requestId)),
      [],
      'HAProxy knows of every failed read',
    )
    t.strictSame(
      requests.filter(({ server, ending }) => server !== LOST.name || ending !== 'SD'),
      [],
      'only streams whose entry node died have failed',
    )
  })

  t.test('all are restarted, one after the other', async (t) => {
    const load = await ClientLoad.start(t, here, wanted)
    await load.goesOn(QUIET_MS)
    load.begins()
    for (const { index } of cluster.dev.nodes) {
      await cluster.dev.stop(index)
      await systemd.heard(index, 'STOPPING=1')
      await cluster.dev.start(index)
      await cluster.ready(index)
      await load.goesOn(QUIET_MS)
    }
    await load.stop()
    t.strictSame(load.failedReads, [])
    await isSound(t, load, here)
    await cluster.full(0)
  })
})

/** As README says, with an empty disk and the old serac.conf. */
async function replace(cluster: ProbeCluster): Promise<void> {
  const node = cluster.dev.node(LOST.index)
  const serac = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await runCommand(process.execPath, [SERAC, ...args])
    if (exitCode !== 0) throw new Error(`serac ${args[0]} ended with ${exitCode}: ${stderr}`)
    return stdout.trim()
  }
  const members = async () =>
    (JSON.parse(await serac('nodes', '-f', 'json', '--url', operatorOf(cluster))) as NodesDocument).nodes
  for (const name of DATA) await rm(join(node.directory, name), { recursive: true, force: true })
  const before = await members()
  const old = before.find(({ address }) => address.endsWith(`:${node.controlPort}`))!.id
  const invite = await serac('invite', '--url', operatorOf(cluster))
  await serac('join', invite, '--config-file', node.configFile)
  await cluster.dev.start(LOST.index)
  const fresh = (await members()).find(({ id }) => !before.some((member) => member.id === id))!.id
  await serac('replace', old, fresh, '--yes', '--url', operatorOf(cluster))
  await cluster.ready(LOST.index)
}

/** Nothing that was acknowledged is lost, and writes went on. */
async function isSound(t: Test, load: ClientLoad, client: ImageClient): Promise<void> {
  const { reads, failedReads, failedUploads, stored, writes, longestGapMs, quietGapMs } = load
  t.comment(
    `${reads} reads, ${failedReads.length} failed; ${stored.size} uploads, ${failedUploads} failed; ` +
      `${writes} writes, each within ${Math.round(longestGapMs)} ms, before ${Math.round(quietGapMs)} ms`,
  )
  t.ok(reads > 0 && writes > 0 && stored.size > 0)
  if (isFullForm)
    t.ok(longestGapMs < WRITE_GAP_MS_MAX + quietGapMs, 'writes are interrupted for less than two seconds')
  for (const [id, digest] of stored)
    t.strictSame(await digestOf(await client.open('GET', `/v2/images/${id}/file`)), digest)
}

function operatorOf(cluster: ProbeCluster): string {
  return cluster.dev.node(0).operatorUrl
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1)
}
