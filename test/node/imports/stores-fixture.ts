/** One node with a cluster and back ends in memory, for uploads, imports, copies and moves. */
import type { Test } from 'tap'
import { createHash } from 'node:crypto'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import type { OpenImage } from '../../../node/data/open-image.ts'
import { ObjectDigests } from '../../../node/data/object-digests.ts'
import { OutsideBytes } from '../../../node/data/outside-bytes.ts'
import type { StoredImage } from '../../../node/data/upload-session.ts'
import { ImageMover } from '../../../node/images/image-mover.ts'
import { ImageOpener } from '../../../node/images/image-opener.ts'
import { ImageUploader } from '../../../node/images/image-uploader.ts'
import { ProjectQuotas } from '../../../node/images/project-quotas.ts'
import { StoreList } from '../../../node/images/store-list.ts'
import type { ImportRequest } from '../../../node/imports/import-requests.ts'
import { ImportPlugins } from '../../../node/imports/import-plugins.ts'
import { ImportRunner } from '../../../node/imports/import-runner.ts'
import { ImportService } from '../../../node/imports/import-service.ts'
import { ImportSource } from '../../../node/imports/import-source.ts'
import { StoreAdopter } from '../../../node/imports/store-adopter.ts'
import { StoreCopier } from '../../../node/imports/store-copier.ts'
import { StoreMover } from '../../../node/imports/store-mover.ts'
import { TaskKeeper } from '../../../node/tasks/task-keeper.ts'
import { defaultPolicy } from '../../helpers/default-policy.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { memoryBackends } from '../../helpers/memory-backends.ts'
import { grantOf, ID, imageOf, owner } from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

export const HELLO = Buffer.from('hello')
export const [MD5, SHA512] = ['md5', 'sha512'].map((name) =>
  createHash(name).update(HELLO).digest('hex'),
) as [string, string]
const FORMATS = { requireImageFormatMatch: true, vmdkAllowedTypes: [], gptSafetyChecksNonfatal: [] }
export const direct: ImportRequest = {
  ...{ method: 'glance-direct', uri: null, remote: null, stores: null },
  ...{ allStores: false, allMustSucceed: true, body: {} },
}

async function* piecesOf(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 2) yield bytes.subarray(at, at + 2)
}

export function nodeOf(t: Test, { defaultStore = 'main' } = {}) {
  const registers = new MemoryRegisters()
  const identity = createIdentity(systemRandom)
  const clock = new ManualClock()
  const base = { identity, clock, random: systemRandom, log: silentLog, registers: registers.images }
  const { each, backends, backendWriter, pool, hashes, gate } = memoryBackends('fast', 'big')
  const kept = new Map<string, Buffer>()
  const released: string[] = []
  /** What the cluster says to every upload; null: it takes it. And what it was told that it holds. */
  const cluster = { failure: null as Error | null, held: [] as string[] }
  const web = { asked: 0 }
  const writer = {
    write: async ({ upload }: { upload: string }, body: AsyncIterable<Uint8Array>): Promise<StoredImage> => {
      if (cluster.failure) throw cluster.failure
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      const root = Buffer.from(upload).toString('hex').slice(0, 64)
      kept.set(root, Buffer.concat(pieces))
      const held = { holders: [identity.id], pinnedAt: [identity.id] }
      return {
        root,
        sizeBytes: kept.get(root)!.length,
        chunkSizeBytes: 1024,
        md5: MD5,
        multihash: SHA512,
        ...held,
      }
    },
    unpin: async (upload: string) => void released.push(upload),
  }
  const imageIn = (bytes: Buffer): OpenImage => ({
    sizeBytes: bytes.length,
    read: async function* (start, end) {
      for await (const piece of piecesOf(bytes.subarray(start, end + 1)))
        yield { bytes: piece, release: () => {} }
    },
  })
  const backendOptions = ['fast', 'big'].map((id, at) => ({
    ...{ id, type: 'file' as const, weight: at, description: null, properties: {} },
  }))
  const stores = new StoreList({
    clusterId: 'main',
    isHttpOn: false,
    backends: backendOptions,
    defaultId: defaultStore,
  })
  const outbound = {
    check() {},
    send: async () => {
      web.asked++
      return {
        ...{ status: 200, headers: {}, lengthBytes: HELLO.length, body: piecesOf(HELLO) },
        close: async () => {},
      }
    },
  }
  const outside = new OutsideBytes(
    { outbound, backends, hashes, clock, log: silentLog },
    { sizeBytesMax: 1000, retries: 0 },
  )
  const reader = {
    open: async ({ root }: { root: string }) => {
      const image = imageIn(kept.get(root)!)
      return {
        ...image,
        readFrom: (other: OpenImage, ...range: Parameters<OpenImage['read']>) => other.read(...range),
      }
    },
  }
  const current = async (id: string) => registers.record(id) ?? null
  const opener = new ImageOpener({ log: silentLog, reader, outside, stores, holdsWhole: () => true, current })
  const uploader = new ImageUploader(
    {
      ...base,
      writer,
      holder: { noteHeld: async (root) => void cluster.held.push(root) },
      backends,
      backendWriter,
      gate,
    },
    { sizeBytesMax: 1000, copies: { copies: 3, rules: [] }, formats: FORMATS, defaultStore },
  )
  const tasks = new TaskKeeper(
    { ...base, registers: registers.taskRegisters, index: registers.tasks },
    { keepMs: 3_600_000 },
  )
  const never = () => Promise.reject(new Error('nobody asks for that'))
  const remote = { describe: never, read: () => piecesOf(HELLO) }
  const source = new ImportSource({ outbound, opener, remote }, { sizeBytesMax: 1000 })
  const plugins = new ImportPlugins(
    { scratch: { folder: never }, converter: { convert: () => piecesOf(HELLO) } },
    { plugins: [], outputFormat: 'raw', inject: {}, ignoreUserRoles: [] },
  )
  const copier = new StoreCopier({
    registers: registers.images,
    log: silentLog,
    opener,
    backends,
    backendWriter,
    gate,
  })
  const runner = new ImportRunner(
    { ...base, uploader, tasks, source, plugins, copier },
    { sizeBytesMax: 1000 },
  )
  const projectQuotas = new ProjectQuotas(
    { registers: registers.images, index: registers.index, limits: null },
    { storageQuotaBytes: 0 },
  )
  const legacy = { create: never }
  const service = new ImportService(
    {
      ...base,
      policy: defaultPolicy,
      uploader,
      projectQuotas,
      outbound,
      stores,
      backends,
      runner,
      tasks,
      legacy,
    },
    { methods: ['glance-direct', 'copy-image', 'web-download'] },
  )
  t.teardown(() => Promise.all([uploader.stop(), runner.stop()]))
  registers.put(imageOf({ diskFormat: 'raw' }))
  const read = async (preferred: string[] = []) => {
    const image = await opener.open(registers.record(ID)!, { preferred })
    const pieces: Uint8Array[] = []
    for await (const { bytes } of image!.read(0, image!.sizeBytes - 1, new AbortController().signal))
      pieces.push(bytes)
    return Buffer.concat(pieces).toString()
  }
  const upload = (store?: string) =>
    uploader.upload({
      ...{ id: ID, grant: grantOf(owner), body: piecesOf(HELLO), declaredSizeBytes: 5, roomBytes: null },
      ...(store !== undefined && { terms: { store } }),
    })
  const stage = () => service.stage(owner, ID, piecesOf(HELLO), 5)
  const imported = async (request: Partial<ImportRequest>, by = owner) => {
    await service.import(by, ID, { ...direct, ...request })
    for (let turns = 0; turns < 20; turns++) await settled()
  }
  const objectsIn = (store: string) => [...each.get(store)!.objects.values()].map(String)
  const [fast, big] = [each.get('fast')!, each.get('big')!]
  const image = () => registers.record(ID)
  const task = () => registers.tasks.ofImage(ID).at(-1)
  const digests = new ObjectDigests({ outside, pool, hashes })
  const mover = new StoreMover({
    ...{ clock, log: silentLog, registers: registers.images, uploader, opener, stores },
    digests,
    pace: { begin: async () => () => {} },
  })
  const adopter = new StoreAdopter({
    ...{ clock, log: silentLog, backends, digests, gate, stores },
    mover: new ImageMover({ ...base, index: registers.index, uploader, opener }),
  })
  return {
    registers,
    service,
    mover,
    adopter,
    gate,
    uploader,
    opener,
    clock,
    upload,
    stage,
    imported,
    image,
    task,
    read,
    objectsIn,
    fast,
    big,
    kept,
    released,
    cluster,
    web,
  }
}
