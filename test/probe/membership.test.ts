/** A cluster that grows from one node to three and shrinks again while its images change. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { describe, type ImageClient, jsonOf, type ShownImage } from '../helpers/image-client.ts'
import { eventually } from '../helpers/probe-cluster.ts'
import { SingleNodes } from '../helpers/single-nodes.ts'

const DATA = ['FORMAT', 'PID', 'meta', 'chunks', 'seg', 'ballast', 'node.key']

t.test(
  '1 node founds, 2 join by invite, all vote, one is replaced, back to 1: nothing is lost',
  async (t) => {
    const cluster = await SingleNodes.create(t, 4)
    await cluster.found(0)
    const load = new Load(cluster.client(0))
    for (const index of [1, 2]) await cluster.join(0, index)
    const [a, b, c] = await cluster.ids(0, 1, 2)
    t.match(await cluster.nodesOf(0), { nodes: { length: 3 }, invites: { open: 0 } })

    const dry = await cluster.ask(0, 'voters', a!, b!, c!, '--dry-run')
    t.match(dry, { exitCode: 0, stdout: /Joining: 2\n.*Leaving: none/s })
    t.equal((await cluster.nodesOf(0)).nodes.filter(({ votes }) => votes).length, 1, 'a dry run does nothing')
    const grown = await cluster.ask(1, 'voters', a!, b!, c!, '--yes')
    t.match(grown, { exitCode: 0, stdout: /^Voters: / }, grown.stderr)
    t.match(await cluster.ask(0, 'remove', c!, '--yes'), {
      exitCode: 1,
      stderr: /votes: choose other voters first/,
    })

    // The disk of a voter is lost; a fresh node takes its place.
    await cluster.node(2).process.kill()
    for (const name of DATA) await rm(join(cluster.node(2).directory, name), { recursive: true, force: true })
    await cluster.join(0, 3)
    const [d] = await cluster.ids(3)
    const replaced = await cluster.ask(0, 'replace', c!, d!, '--yes')
    t.match(replaced, { exitCode: 0, stdout: /is no member any more/ }, replaced.stderr)

    const shrunk = await cluster.ask(0, 'voters', b!.slice(-8), '--yes')
    t.match(shrunk, { exitCode: 0, stdout: `Voters: ${b}\n` }, shrunk.stderr)
    await load.stop()
    t.ok(load.acknowledged.size > 0, `${load.acknowledged.size} images, ${load.refusals} refusals`)
    await eventually('the last voter alone has every acknowledged change', async () => {
      for (const [id, name] of load.acknowledged) {
        const shown = await cluster.client(1).show(id)
        if (shown.name !== name) throw new Error(`${id} is ${shown.name}, not ${name}`)
      }
      return true
    })
    t.match(await cluster.nodesOf(1), { joint: null, nodes: { length: 3 } })
  },
)

t.test('kill -9 of the node that drives a change: it comes to its end anyway', async (t) => {
  const cluster = await SingleNodes.create(t, 3)
  await cluster.found(0)
  for (const index of [1, 2]) await cluster.join(0, index)
  const load = new Load(cluster.client(0))
  const voters = await cluster.ids(0, 1, 2)
  await eventually('there are some images', async () => load.acknowledged.size > 20)
  await load.stop()
  const { epoch } = await cluster.nodesOf(1)
  const asked = cluster.ask(0, 'voters', ...voters, '--yes')
  await eventually('the change has begun', async () => (await cluster.nodesOf(1)).epoch > epoch)
  await cluster.node(0).process.kill()
  await asked
  await cluster.start(0)
  await eventually('the three vote', async () => {
    const { joint, nodes } = await cluster.nodesOf(1)
    return joint === null && nodes.filter(({ votes }) => votes).length === 3
  })
  await cluster.ready(0)
  for (const [id, name] of load.acknowledged) t.match(await cluster.client(2).show(id), { name })
})

/** Creates and renames images, one after the other, until it is stopped. */
class Load {
  /** By id, the last name that was acknowledged. */
  readonly acknowledged = new Map<string, string>()
  refusals = 0
  readonly #client: ImageClient
  readonly #running: Promise<void>
  #isStopped = false

  constructor(client: ImageClient) {
    this.#client = client
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    for (let count = 0; !this.#isStopped; count++) {
      const reply = await this.#client.create({ name: `image ${count}` }).catch(() => null)
      if (reply?.status !== 201) {
        this.#refuse(reply && describe(reply))
        continue
      }
      const { id } = jsonOf(reply) as ShownImage
      this.acknowledged.set(id, `image ${count}`)
      await this.#rename(id, `image ${count} renamed`)
    }
  }

  /** A rename that may or may not have been made is looked up in no way: the image is then left out. */
  async #rename(id: string, name: string): Promise<void> {
    const reply = await this.#client.rename(id, name).catch(() => null)
    if (reply?.status === 200) this.acknowledged.set(id, name)
    else {
      this.acknowledged.delete(id)
      this.#refuse(reply && describe(reply))
    }
  }

  #refuse(_why: string | null): void {
    this.refusals++
  }
}
