/**
 * One run of the data path: clients upload images that share chunks, delete and read them while nodes crash, messages are
 * lost and, in half of the seeds, one disk rots; then all heals, and the nodes must come to hold exactly what the images
 * consist of.
 */
import { hasCode, SeracError } from '../../../cluster/errors.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { newImageId } from '../../../node/images/image-id.ts'
import { judgeStored } from '../../helpers/stored-chunks.ts'
import { admin, grantOf, imageOf, NOW } from '../../node/images/image-fixture.ts'
import type { SeededRandom } from '../world/seeded-random.ts'
import { SimWorld } from '../world/sim-world.ts'
import { DataCluster, NODE_IDS } from './data-cluster.ts'
import { makeImage, type DataImage } from './data-images.ts'
import type { DataNode } from './data-node.ts'
import type { DataVariant } from './data-variant.ts'

export interface DataReport {
  seed: number
  violations: { kind: string; message: string }[]
  /** What was done, by name. */
  counts: Record<string, number>
}

interface LiveImage {
  id: string
  image: DataImage
}

const CLIENTS = 4
const LOAD_MS = 8000
/** A crashed uploader's image is given back after a minute at the latest, and its claims end some rounds later. */
const REST_MS_MAX = 150_000
const REST_LOOK_MS = 2000
/** Faults, and requests that began among them, have ended after this. */
const CALM_MS = 8000
const LOOK_EVERY_MS = 100
const STEP_MS = 250
const LIVE_MAX = 8
/** Odds of an upload that takes longer than any grace, and its longest pause. */
const SLOW_ODDS = 0.25
const SLOW_MS_MAX = 2500
const PAUSE_MS_MAX = 20
const VIOLATIONS_MAX = 5
const QUOTAS = { properties: 9, tags: 9 }

export async function runData(seed: number, variant: DataVariant = {}): Promise<DataReport> {
  const run = new DataRun(seed, variant)
  await run.play()
  return run.report
}

class DataRun {
  readonly report: DataReport
  readonly #world: SimWorld
  readonly #cluster: DataCluster
  readonly #random: SeededRandom
  readonly #live: LiveImage[] = []
  /** By root, of every image that was ever sent. */
  readonly #made = new Map<string, ReadonlySet<string>>()
  #clientsAtWork = CLIENTS
  /** The one whose disk rots, if one does. Its chunks, with the time when each was last damaged. */
  readonly #rotten: NodeId | null
  readonly #rottenSinceMs = new Map<string, number>()

  constructor(seed: number, variant: DataVariant) {
    this.report = { seed, violations: [], counts: {} }
    this.#world = new SimWorld(seed)
    this.#random = this.#world.random.fork('run')
    this.#cluster = new DataCluster(this.#world, variant)
    this.#rotten = this.#random.chance(0.5) ? this.#random.pick(NODE_IDS) : null
  }

  async play(): Promise<void> {
    const booted = Promise.all(NODE_IDS.map((id) => this.#cluster.boot(id)))
    await this.#world.run(100)
    await booted
    for (let lane = 0; lane < CLIENTS; lane++)
      void this.#client(this.#random.fork(`client ${lane}`)).then(() => this.#clientsAtWork--)
    const faults = this.#breakThings(this.#random.fork('faults'))
    this.#lookAgain()
    await this.#runUntil(LOAD_MS)
    if (this.report.violations.length > 0) return
    const healed = faults.then(() => this.#cluster.heal())
    await this.#world.run(LOAD_MS + CALM_MS)
    await healed
    await this.#world.run(LOAD_MS + 2 * CALM_MS)
    if (this.#clientsAtWork > 0) return this.#violate('no answer', `${this.#clientsAtWork} clients wait`)
    await this.#rest()
  }

  /** What is wrong once does not become right: the rest need not be seen. */
  async #runUntil(atMs: number): Promise<void> {
    while (this.#world.nowMs < atMs && this.report.violations.length === 0)
      await this.#world.run(Math.min(atMs, this.#world.nowMs + STEP_MS))
  }

  async #client(random: SeededRandom): Promise<void> {
    while (this.#world.nowMs < LOAD_MS) {
      await this.#world.pause(random.float() * 150)
      const node = random.pick([...this.#cluster.nodes, null])
      if (node === null) continue
      const choice = random.float()
      const work =
        choice < 0.5 && this.#live.length < LIVE_MAX
          ? this.#upload(node, random)
          : choice < 0.75
            ? this.#remove(node, random)
            : this.#read(node, random)
      await this.#untilDead(node, work).catch((error: unknown) => this.#count(`failed: ${nameOf(error)}`))
    }
  }

  async #upload(node: DataNode, random: SeededRandom): Promise<void> {
    const image = makeImage(random)
    this.#made.set(image.root, image.hashes)
    const id = newImageId(random)
    this.#cluster.authority.decide(id, 'image.create', {
      record: imageOf({ id, diskFormat: 'raw' }),
      quotas: QUOTAS,
    })
    const isDeleted = random.chance(0.15)
    if (isDeleted) this.#world.after(random.float() * 80, () => this.#decideRemoval(id))
    const beganMs = this.#world.nowMs
    const body = this.#bodyOf(image, random)
    await node.uploader
      .upload({ grant: grantOf(admin), id, body, declaredSizeBytes: null, roomBytes: null })
      .catch((error: unknown) => {
        this.#checkFailure(id, error)
        throw error
      })
    this.#count('uploads')
    if (isDeleted) return
    this.#live.push({ id, image })
    this.#checkCopies(image, beganMs)
  }

  async *#bodyOf({ bytes }: DataImage, random: SeededRandom): AsyncGenerator<Uint8Array> {
    const breaksAt = random.chance(0.15) ? random.below(bytes.length + 1) : Infinity
    const pauseMs = random.chance(SLOW_ODDS) ? SLOW_MS_MAX : PAUSE_MS_MAX
    for (let at = 0; at < bytes.length; at += 400) {
      await this.#world.pause(random.float() * pauseMs)
      if (at >= breaksAt) throw new Error('the client hung up')
      yield bytes.subarray(at, at + 400)
    }
    if (breaksAt < Infinity) throw new Error('the client hung up')
  }

  async #remove(node: DataNode, random: SeededRandom): Promise<void> {
    if (this.#live.length === 0) return
    const [{ id }] = this.#live.splice(random.below(this.#live.length), 1) as [LiveImage]
    await node.records.apply(id, 'image.delete', { grant: grantOf(admin), now: NOW })
    this.#count('deletes')
  }

  #decideRemoval(id: string): void {
    try {
      this.#cluster.authority.decide(id, 'image.delete', { grant: grantOf(admin), now: NOW })
    } catch {
      // It is gone already.
    }
  }

  async #read(node: DataNode, random: SeededRandom): Promise<void> {
    if (this.#live.length === 0) return
    const live = random.pick(this.#live)
    await this.#compare(node, live)
    this.#count('reads')
  }

  async #compare(node: DataNode, { id, image }: LiveImage): Promise<void> {
    const { signal } = new AbortController()
    const pieces: Buffer[] = []
    const source = { imageId: id, root: image.root, copies: null }
    const open = await node.reader.open(source, signal)
    for await (const lease of open.read(0, image.bytes.length - 1, signal)) {
      pieces.push(Buffer.from(lease.bytes))
      lease.release()
    }
    if (!Buffer.concat(pieces).equals(image.bytes)) this.#violate('wrong bytes', `${id} at ${node.host.id}`)
  }

  /** Two disks hold what was just acknowledged; rot that came since the upload began is nobody's fault. */
  #checkCopies({ hashes, root }: DataImage, beganMs: number): void {
    for (const hash of hashes) {
      const copies = NODE_IDS.filter(
        (id) =>
          this.#cluster.isSound(id, hash) ||
          (id === this.#rotten && (this.#rottenSinceMs.get(hash) ?? -1) >= beganMs),
      )
      if (copies.length < 2)
        this.#violate('too few copies', `chunk ${hash} of ${root} is only at ${copies.join()}`)
    }
  }

  /** An upload may fail, but not for want of what it has stored itself. */
  #checkFailure(id: string, error: unknown): void {
    if (hasCode(error, 'GONE')) return
    const cause = error instanceof SeracError ? error.cause : null
    const isLost = hasCode(error, 'CHUNK_UNAVAILABLE') || hasCode(cause, 'CHUNK_UNAVAILABLE')
    if (isLost && this.#rotten === null) this.#violate('an upload lost its chunks', id)
  }

  /** What was acknowledged and not deleted stays on as many disks as there are without the rotten one. */
  #lookAgain(): void {
    const least = this.#rotten === null ? 2 : 1
    for (const { id, image } of this.#live) {
      for (const hash of image.hashes) {
        const copies = NODE_IDS.filter((node) => this.#cluster.isSound(node, hash))
        if (copies.length < least)
          this.#violate('a chunk is lost', `${hash} of ${id} is only at ${copies.join() || 'no node'}`)
      }
    }
    for (const node of this.#cluster.nodes) if (node.host.id !== this.#rotten) this.#lookAt(node)
    if (this.#world.nowMs < LOAD_MS) this.#world.after(LOOK_EVERY_MS, () => this.#lookAgain())
  }

  /** A node whose disk does not rot. */
  #lookAt({ host, chunks }: DataNode): void {
    if (chunks.damage.found > 0) this.#violate('sound bytes called damaged', `at ${host.id}`)
    for (const { id, image } of this.#live.filter((live) => chunks.isHeld(live.image.root))) {
      const lacking = [...image.hashes].filter((hash) => !this.#cluster.isSound(host.id, hash))
      if (lacking.length > 0)
        this.#violate('held and not whole', `${id} at ${host.id} lacks ${lacking.join()}`)
    }
  }

  async #breakThings(random: SeededRandom): Promise<void> {
    while (this.#world.nowMs < LOAD_MS - 3000) {
      await this.#world.pause(random.float() * 1500)
      const choice = random.float()
      if (choice < 0.25) await this.#crashOne(random)
      else if (choice < 0.5) await this.#cutOne(random)
      else this.#rotSome(random)
    }
  }

  async #crashOne(random: SeededRandom): Promise<void> {
    const id = random.pick(NODE_IDS)
    this.#cluster.crash(id, random.chance(0.5) ? 'process' : 'power')
    this.#count('crashes')
    await this.#world.pause(random.float() * 1000)
    await this.#cluster.boot(id)
  }

  async #cutOne(random: SeededRandom): Promise<void> {
    const [from = 'a', to = 'b'] = random.shuffled(NODE_IDS)
    const mend = this.#cluster.network.cut(from, to)
    this.#count('cuts')
    await this.#world.pause(random.float() * 3000)
    mend()
  }

  #rotSome(random: SeededRandom): void {
    if (this.#rotten === null || this.#live.length === 0) return
    for (const hash of random.pick(this.#live).image.hashes) {
      if (!random.chance(0.5) || !this.#cluster.rot(this.#rotten, hash)) continue
      this.#rottenSinceMs.set(hash, this.#world.nowMs)
      this.#count('rotten chunks')
    }
  }

  async #rest(): Promise<void> {
    let wrong: string[] = []
    for (let ms = 0; ms < REST_MS_MAX; ms += REST_LOOK_MS) {
      wrong = await this.#unrest()
      if (wrong.length === 0) break
      await this.#world.run(this.#world.nowMs + REST_LOOK_MS)
    }
    for (const what of wrong) this.#violate('no rest', what)
    const compared = this.#live.flatMap((live) =>
      this.#cluster.nodes.map((node) =>
        this.#compare(node, live).catch((error: unknown) => {
          this.#violate('unreadable', `${live.id} at ${node.host.id}: ${String(error)}`)
        }),
      ),
    )
    await this.#world.run(this.#world.nowMs + 10_000)
    await Promise.all(compared)
  }

  /** By the records that there are: a change whose outcome was unknown may have been made or not. */
  async #unrest(): Promise<string[]> {
    const active = new Set<string>()
    const wrong: string[] = []
    for (const [id, { live, record }] of this.#cluster.authority.records) {
      if (live && record.status === 'saving') wrong.push(`${id} is saving for ever`)
      if (live && record.data) active.add(record.data.root)
    }
    for (const { id } of this.#live) {
      const known = this.#cluster.authority.records.get(id)
      if (!known?.live || known.record.status !== 'active') wrong.push(`${id} is not active`)
    }
    const images = [...active].map((root) => ({ root, hashes: this.#hashesOf(root) }))
    for (const id of NODE_IDS)
      for (const what of judgeStored(await this.#cluster.stored(id), images)) wrong.push(`${id}: ${what}`)
    return wrong
  }

  /** Nobody gets an answer from a node that has died. */
  #untilDead(node: DataNode, work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      node.host.onDeath(() => reject(new Error('the node died')))
      work.then(resolve, reject)
    })
  }

  #hashesOf(root: string): ReadonlySet<string> {
    return this.#made.get(root) ?? new Set([root])
  }

  #count(what: string): void {
    this.report.counts[what] = (this.report.counts[what] ?? 0) + 1
  }

  #violate(kind: string, what: string): void {
    const { violations } = this.report
    const message = `${this.#world.nowMs.toFixed(0)} ms: ${what}`
    if (violations.length < VIOLATIONS_MAX) violations.push({ kind, message })
  }
}

function nameOf(error: unknown): string {
  return error instanceof SeracError ? error.code : String(error)
}
