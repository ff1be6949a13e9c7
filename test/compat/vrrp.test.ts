/**
 * Three controllers in network namespaces, each with a node, and with HAProxy and keepalived as deploy/ has them: the address
 * moves when its holder is gone, clients go on, and a holder that is cut off from the others refuses writes.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { NodeProcess } from '../../deploy/dev/node-process.ts'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { ImageClient, jsonOf } from '../helpers/image-client.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { runCommand } from '../helpers/run-command.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'
import { TestNetwork } from '../probe/recorder/test-network.ts'
import { adapted } from './adapted.ts'
import { RealHaproxy } from './real-haproxy.ts'

const NODES = [0, 1, 2]
const SHIPPED = join(PROJECT_ROOT, 'deploy/keepalived/keepalived.conf')
const SHIPPED_ADDRESS = '192.0.2.10'
const API_PORT = 9292
const CHECKS_PORT = 9299
/** A client that gets no answer within it asks again, ms. */
const PATIENCE_MS = 1000

const network = await TestNetwork.create(NODES.length)
process.once('exit', () => network.remove())
const address = network.spareAddress

/** Runs a program on controller `index`; resolves with its stdout. */
async function on(index: number, program: string, ...args: string[]): Promise<string> {
  const [first = '', ...rest] = [...network.place(index).wrapper, program, ...args]
  const { exitCode, stdout, stderr } = await runCommand(first, rest)
  if (exitCode !== 0) throw new Error(`${program} on controller ${index} ended with ${exitCode}: ${stderr}`)
  return stdout
}

/** The controllers that have the address. */
async function holders(): Promise<number[]> {
  const shown = await Promise.all(NODES.map((index) => on(index, 'ip', '-4', 'addr', 'show', 'dev', 'eth0')))
  return NODES.filter((index) => shown[index]!.includes(` ${address}/`))
}

/** Resolves with the only controller that has the address, and is none of `not`. */
async function holder(...not: number[]): Promise<number> {
  let found: number[] = []
  await eventually(`one controller has the address, and not ${not.join()}`, async () => {
    found = await holders()
    return found.length === 1 && !not.includes(found[0]!)
  })
  return found[0]!
}

async function startKeepalived(t: Test, index: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'serac-compat-keepalived-'))
  const keepalived = new NodeProcess({ pid: join(directory, 'pid'), log: join(directory, 'log') })
  t.teardown(async () => {
    await keepalived.stop(10_000)
    await rm(directory, { recursive: true })
  })
  const config = join(directory, 'keepalived.conf')
  await writeFile(config, await adapted(SHIPPED, [[`${SHIPPED_ADDRESS}/24`, `${address}/24`]]))
  const files = ['-f', config, '-p', join(directory, 'own.pid'), '-r', join(directory, 'vrrp.pid')]
  const command = ['/usr/sbin/keepalived', '--dont-fork', '--log-console', '--vrrp', ...files]
  await keepalived.start([...network.place(index).wrapper, ...command], { PATH: '/usr/sbin:/usr/bin' })
}

/** Writes through the address, one after the other; who gets no answer asks again. */
class Writer {
  acknowledged = 0
  longestGapMs = 0
  readonly #running: Promise<void>
  #isStopped = false

  constructor(client: ImageClient, id: string) {
    this.#running = this.#write(client, id)
  }

  async goesOn(): Promise<void> {
    const before = this.acknowledged
    await eventually('clients go on', async () => this.acknowledged > before + 2)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #write(client: ImageClient, id: string): Promise<void> {
    const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
    let since = performance.now()
    while (!this.#isStopped) {
      const body = Buffer.from(
        JSON.stringify([{ op: 'replace', path: '/name', value: `${this.acknowledged}` }]),
      )
      const signal = AbortSignal.timeout(PATIENCE_MS)
      const reply = await client
        .send('PATCH', `/v2/images/${id}`, { headers, body, signal })
        .catch(() => null)
      if (reply?.status !== 200) continue
      this.longestGapMs = Math.max(this.longestGapMs, performance.now() - since)
      since = performance.now()
      this.acknowledged++
    }
  }
}

const cluster = await ProbeCluster.start(t, {
  settings: [parseSetting('DEFAULT.insecure_allow_remote=true')],
  placeOf: (index) => network.place(index),
})
const proxies: RealHaproxy[] = []
for (const index of NODES) {
  await on(index, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind')
  const place = {
    address: `${address}:${API_PORT}`,
    checks: CHECKS_PORT,
    wrapper: network.place(index).wrapper,
  }
  const urls = cluster.dev.nodes.map(({ apiUrl }) => apiUrl)
  const proxy = await RealHaproxy.place(t, urls, place)
  await proxy.run()
  proxies.push(proxy)
  await startKeepalived(t, index)
}
const client = new ImageClient(`http://${address}:${API_PORT}`)
await eventually('the address answers', async () => (await client.send('GET', '/ready')).status === 200)

t.test('the address moves, and clients go on', async (t) => {
  const first = await holder()
  const id = await client.newImage()
  const writer = new Writer(client, id)
  await writer.goesOn()

  const plugIn = await network.unplug(first)
  const second = await holder(first)
  await writer.goesOn()
  t.comment(`after a pulled cable: ${Math.round(writer.longestGapMs)} ms without a write`)
  await plugIn()
  await cluster.ready(first)
  t.equal(await holder(), second, 'it does not move back')

  await proxies[second]!.process.kill()
  const third = await holder(second)
  await writer.goesOn()
  await proxies[second]!.run()

  await writer.stop()
  t.match(await client.show(id), { name: String(writer.acknowledged - 1) })
  t.not(third, second)
})

t.test('a holder that is cut off from the others refuses writes, and another takes its place', async (t) => {
  const id = await client.newImage({ name: 'before' })
  t.match(await client.put(id, Buffer.from('bytes')), { status: 204 })
  const cutOff = await holder()
  const others = NODES.filter((index) => index !== cutOff)
  for (const index of NODES) await cluster.ready(index)
  // Its own copy is what it can serve then.
  await cluster.full(cutOff)
  const undo = await Promise.all(
    others.flatMap((other) => [network.cutOneWay(cutOff, other), network.cutOneWay(other, cutOff)]),
  )
  /** Through the address, as somebody asks whose network still leads to the old holder. */
  const ask = async (...args: string[]) => {
    const text = await on(cutOff, 'curl', '-s', '-w', '\n%{http_code}', ...args)
    const end = text.lastIndexOf('\n')
    return { status: text.slice(end + 1), body: text.slice(0, end) }
  }
  const url = `${client.url}/v2/images`
  await eventually('another controller has the address, too', async () => (await holders()).length > 1)
  t.ok((await holders()).includes(cutOff), 'the one that is cut off does not know of that')
  await cluster.ready(cutOff, 503)
  const json = JSON.stringify({ name: 'lost', disk_format: 'raw', container_format: 'bare' })
  // Until HAProxy has noticed that the others are away it may say so itself, without the reason.
  await eventually('a change is refused, with the reason', async () => {
    const refused = await ask('-H', 'content-type: application/json', '-d', json, url)
    t.equal(refused.status, '503')
    return /cannot answer this now|No majority/.test(refused.body)
  })
  t.match(await ask(`${url}/${id}/file`), { status: '200', body: 'bytes' }, 'what it has is served')

  const rename = await client.rename(id, 'after')
  t.match(jsonOf(rename), { name: 'after' }, 'clients get to the one that can')
  for (const end of undo) await end()
  await holder()
  await cluster.ready(cutOff)
  t.match(await client.show(id), { name: 'after' })
})
