/**
 * The composition root: makes every part of a node, hands each what it needs, starts them in order and stops them in
 * reverse. Read it from top to bottom to see what a node is.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Authenticator, Readiness } from '../api/api-components.ts'
import { buildApiServer } from '../api/server.ts'
import { ServerCertificate } from '../api/server-certificate.ts'
import type { Policy } from '../api/auth/policy/policy.ts'
import { StreamLimit } from '../api/stream-limit.ts'
import { OperatorAccess } from '../api/status/operator-access.ts'
import { loadPage } from '../api/status/status-page.ts'
import { buildOperatorServer } from '../api/status/status-routes.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { MemberNode } from '../cluster/membership/cluster-config.ts'
import type { ControlPlane } from '../cluster/membership/control-plane.ts'
import { loadOrCreateIdentity, type NodeIdentity } from '../cluster/network/identity.ts'
import type { NodeId } from '../cluster/network/rpc-port.ts'
import { Traffic } from '../cluster/network/traffic.ts'
import { ChunkBufferPool } from '../cluster/transfer/chunk-buffer.ts'
import type { LearnedListener } from '../cluster/register/storage.ts'
import type { CurrentConfig } from '../cluster/register/current-config.ts'
import { systemClock as clock, systemRandom as random, type Log } from '../cluster/runtime.ts'
import { openCache } from './composition/build-cache.ts'
import { buildImages, type Images } from './composition/build-images.ts'
import { buildHealer } from './composition/build-healer.ts'
import { buildAuthenticator } from './composition/build-authenticator.ts'
import { buildLimits } from './composition/build-limits.ts'
import { buildOldGlance } from './composition/build-old-glance.ts'
import { buildNotifications } from './composition/build-notifications.ts'
import { buildMetadefs, type Metadefs } from './composition/build-metadefs.ts'
import { openPolicy } from './composition/build-policy.ts'
import { buildRendezvous } from './composition/build-rendezvous.ts'
import { buildReapers } from './composition/build-reapers.ts'
import { buildOperator } from './composition/build-operator.ts'
import { buildRecordLoops } from './composition/build-record-loops.ts'
import { buildUpdater } from './composition/build-updater.ts'
import { buildV1Images } from './composition/build-v1-images.ts'
import { chunkHasher } from './composition/chunk-hasher.ts'
import { GracefulStop } from './composition/graceful-stop.ts'
import { openBackends } from './composition/open-backends.ts'
import { openOutbound } from './composition/open-outbound.ts'
import { openStore } from './composition/open-store.ts'
import { readinessOf } from './composition/readiness.ts'
import { chooseStartConfig } from './composition/start-config.ts'
import { operatorRules } from './config/operator-rules.ts'
import type { ImageCache } from './cache/image-cache.ts'
import type { SeracConfig } from './config/options.ts'
import type { Backends } from './backends/backends.ts'
import { Foreground } from './data/foreground.ts'
import { HashPool } from './data/hash-pool.ts'
import { CacheService } from './images/cache-service.ts'
import { ImageIndex } from './images/image-index.ts'
import { storedData } from './images/image-record.ts'
import { imageIdOf } from './images/image-operations.ts'
import { indexRow } from './images/image-registers.ts'
import type { ProjectLimits } from './images/project-limits.ts'
import { DiscardedObjects } from './images/discarded-objects.ts'
import type { StoreList } from './images/store-list.ts'
import { BackendProber } from './loops/backend-prober.ts'
import { Auditor } from './loops/auditor.ts'
import type { Loop } from './loops/loop.ts'
import type { OutNodes } from './loops/out-nodes.ts'
import type { TombstoneReaper } from './loops/tombstone-reaper.ts'
import { RecordAuditor } from './loops/record-auditor.ts'
import { voteAuditor } from './loops/vote-auditor.ts'
import type { Life } from './loops/worker-life.ts'
import { NamespaceIndex } from './metadefs/namespace-index.ts'
import { EventLoopDelay } from './status/event-loop-delay.ts'
import type { OutboundHttp } from './outbound/outbound-http.ts'
import type { Store } from './store/store.ts'
import { TaskIndex } from './tasks/task-index.ts'
import { SERAC_VERSION } from './version.ts'

export interface Daemon {
  stop(): Promise<void>
  /** Resolves when the store has dealt with what was asked of it before, well or badly. */
  storeAnswers(): Promise<void>
  /** Why this node does not take all requests; empty when it does. */
  reasons(): string[]
  /** Reads the policy and the certificate again. Never rejects. */
  reload(): Promise<void>
}

/** Takes what must be ended when the node stops; the last started is the first to end. */
type OnStarted = (end: () => Promise<unknown>) => void

/** What every part of the node stands on. */
interface Core {
  config: SeracConfig
  log: Log
  identity: NodeIdentity
  currentConfig: CurrentConfig
  store: Store
  index: ImageIndex
  definitions: NamespaceIndex
  tasks: TaskIndex
  hashes: HashPool
  cluster: Cluster
  foreground: Foreground
  policy: Policy
  outbound: OutboundHttp
  limits: ProjectLimits | null
  stores: StoreList
  backends: Backends
  /** null: it has none. */
  cache: ImageCache | null
  discarded: DiscardedObjects
  /** Where clients reach this node. */
  apiUrl: string
  /** What else is read again on demand. None rejects. */
  reloads: (() => Promise<void>)[]
}

/** The background loops, and those that the status asks for more. */
interface Loops {
  all: readonly Loop[]
  tombstones: TombstoneReaper
  auditor: Auditor
  records: RecordAuditor
  out: OutNodes
  /** Null: there are no back ends. */
  backends: BackendProber | null
}

/** What /healthcheck says then, in the manner of Glance's own reasons. */
const DRAINED = 'DRAINED BY AN OPERATOR'
const STOPPING = 'STOPPING'
const STARTED_MS = clock.monotonicMs()

/** Starts a node. Throws with a sentence for the operator when it cannot; nothing keeps running then. */
export async function startDaemon(config: SeracConfig, log: Log): Promise<Daemon> {
  const started: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const end of started.splice(0).toReversed())
      await end().catch((error: unknown) => logStopError(log, error))
  }
  const onStarted: OnStarted = (end) => started.push(end)
  try {
    const authentication = await buildAuthenticator(config, log)
    onStarted(() => authentication.close())
    const core = await openCore(config, log, onStarted)
    const notifications = await buildNotifications(config, log, core.stores)
    onStarted(async () => notifications?.stop())
    const images = buildImages(core, notifications)
    const metadefs = buildMetadefs(core)
    await core.cluster.start()
    onStarted(() => core.cluster.stop())
    const rendezvous = buildRendezvous(config, core)
    await rendezvous?.start()
    onStarted(async () => rendezvous?.stop())
    const loops = buildLoops(core, images, metadefs)
    startLoops(loops, onStarted)
    const readiness = readinessOf(core)
    await listen(core, { ...images, metadefs, readiness }, loops, authentication.authenticator, onStarted)
    log.info({ node: core.identity.id, api: core.apiUrl, version: SERAC_VERSION }, 'the node is up')
    return {
      stop,
      storeAnswers: () => core.store.answers(),
      reasons: () => readiness.reasons(),
      reload: async () => void (await Promise.all(core.reloads.map((reload) => reload()))),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function openCore(config: SeracConfig, log: Log, onStarted: OnStarted): Promise<Core> {
  const identity = await loadOrCreateIdentity(config.cluster.keyFile, random)
  const watch = await openPolicy({ clock, log }, config)
  watch.start()
  onStarted(() => watch.stop())
  const limits = await buildLimits(config, log)
  onStarted(() => limits.close())
  // Loaded, and gossip proved, while the rows are read. The store is closed in order whatever comes of it.
  const building = import('./composition/build-cluster.ts')
  const gossipProved = building.then(({ proveGossip }) => proveGossip())
  gossipProved.catch(() => {})
  const index = new ImageIndex({ monotonicMs: () => clock.monotonicMs() })
  const definitions = new NamespaceIndex()
  const tasks = new TaskIndex()
  const discarded = new DiscardedObjects()
  const onLearned: LearnedListener = (key, row) => {
    indexRow(index, key, row)
    definitions.index(key, row)
    tasks.index(key, row)
    if (config.backends.length > 0) discarded.index(key, row)
  }
  const registersElsewhere = config.cluster.initialMembers.some(({ id }) => id !== identity.id)
  const hashes = new HashPool({ clock, log })
  hashes.start()
  onStarted(() => hashes.stop())
  const hasher = chunkHasher(hashes)
  const store = await openStore(config, identity, { log, hasher }, { onFound: onLearned, registersElsewhere })
  onStarted(() => store.close())
  await gossipProved
  // Before anything can learn a row: the index must never lag behind what is known to be settled.
  store.registers.onLearned(onLearned)
  const currentConfig = await chooseStartConfig(store, config.cluster.initialMembers, identity.id)
  const advertiseHost =
    config.cluster.advertiseHost ?? hostOf(memberIn(currentConfig, identity.id)?.address ?? '')
  const scheme = config.default.certFile === null ? 'http' : 'https'
  const apiUrl = `${scheme}://${advertiseHost}:${config.default.bindPort}`
  const foreground = new Foreground(clock)
  const downloads = new ChunkBufferPool(config.memory.downloads)
  const cache = await openCache({ config, log, hashes, downloads })
  onStarted(async () => cache?.stop())
  const { buildCluster } = await building
  const cluster = buildCluster(
    { config, log, identity, currentConfig, store, hasher, foreground, downloads },
    { version: SERAC_VERSION, advertiseHost, apiUrl },
  )
  const { policy } = watch
  const outbound = await openOutbound(config)
  const base = {
    config,
    log,
    identity,
    currentConfig,
    store,
    index,
    definitions,
    tasks,
    hashes,
    cluster,
    foreground,
  }
  const { backends, stores } = await openBackends(config, hashes)
  onStarted(() => backends.close())
  const elsewhere = { outbound, backends, discarded, stores, cache }
  return { ...base, ...elsewhere, policy, limits: limits.limits, apiUrl, reloads: [() => watch.look()] }
}

function buildLoops(
  core: Core,
  { registers, holder, uploader, hasher, tasks, imports, cacheKeeper, pace, storeMoves }: Images,
  { names }: Metadefs,
): Loops {
  const { log, store, index, cluster, foreground, backends } = core
  const silentMs = (node: NodeId) => lifeOf(node, cluster.control).silentMs
  const { updater, out } = buildUpdater({ ...core, registers, holder, pace, silentMs })
  const records = buildRecordLoops({
    ...core,
    registers,
    taskRecords: tasks,
    lifeOf: (node) => lifeOf(node, cluster.control),
    isRunningHere: (claimId) => [uploader, hasher, imports.runner].some((at) => at.isRunning(claimId)),
  })
  store.registers.onLearned((key, row) => {
    const id = imageIdOf(key)
    if (id === null || !row?.settled) return
    // An image without data is nothing to pull; one that is gone may have left some.
    const record = index.get(id)
    hasher.noteChanged(id, record ?? null)
    cacheKeeper?.noteChanged(id, record ?? null)
    if (!record || record.status === 'pending_delete') imports.runner.noteDeleted(id)
    if (!record) storeMoves.mover.noteDeleted(id)
    if (!record || storedData(record).length > 0) updater.enqueue(id)
  })
  const votes = voteAuditor({
    clock,
    log,
    store: store.registers,
    onLost: (why) => cluster.registers.loseVotes(why),
  })
  const recordAuditor = new RecordAuditor({
    clock,
    log,
    rows: cluster.registers.rows,
    caughtUp: () => cluster.registers.caughtUp,
  })
  const reconcile = (id: string) => updater.enqueue(id)
  const healer = buildHealer({ ...core, reconcile })
  const reclaim = buildReapers({ ...core, registers: cluster.registers, holder, reconcile })
  const auditor = new Auditor(
    {
      clock,
      log,
      chunks: store.chunks,
      record: store.auditRecord,
      // What this node pulls for itself is not among it: to heal is no reason to look for damage more slowly.
      isForegroundBusy: () => foreground.isBusy || cluster.isServingPeers,
    },
    { periodMs: core.config.audit.period, bytesPerSecondMax: core.config.audit.bytesPerSecondMax },
  )
  const { reaper, objectReaper, taskReaper, scrubber, tombstones } = records
  const recordLoops = [
    reaper.loop,
    objectReaper.loop,
    taskReaper.loop,
    scrubber.loop,
    names.loop,
    tombstones.loop,
  ]
  const own = [updater.loop, healer.loop, ...recordLoops, votes, recordAuditor.loop, auditor.loop]
  const stores = core.config.backends.map(({ id }) => id)
  const prober = stores.length > 0 ? new BackendProber({ clock, random, log, backends, stores }) : null
  const optional = [...(prober ? [prober.loop] : []), ...(cacheKeeper ? [cacheKeeper.loop] : [])]
  const all = [...own, reclaim.chunks.loop, reclaim.segments, ...optional]
  return { all, tombstones, auditor, records: recordAuditor, out, backends: prober }
}

function startLoops({ all }: Loops, onStarted: OnStarted): void {
  for (const loop of all) {
    loop.start()
    onStarted(() => loop.stop())
  }
}

async function listen(
  core: Core,
  { metadefs, readiness, ...images }: Images & { metadefs: Metadefs; readiness: Readiness },
  loops: Loops,
  authenticator: Authenticator,
  onStarted: OnStarted,
): Promise<void> {
  const { config, log } = core
  const isDrained = () => memberIn(core.currentConfig, core.identity.id)?.drained === true
  const whyAway = () => (graceful.isStopping ? STOPPING : isDrained() ? DRAINED : null)
  const { shutdownDelay: delayMs, gracefulShutdownTimeout: limitMs } = config.default
  const graceful = new GracefulStop({ clock, log }, { delayMs, limitMs })
  const disableFile = config.healthcheck.disableByFilePath
  const { certFile, keyFile } = config.default
  const certificate = certFile && keyFile ? await ServerCertificate.load({ certFile, keyFile }) : null
  const streams = new StreamLimit()
  const apiTraffic = new Traffic()
  const eventLoopDelay = new EventLoopDelay(clock)
  eventLoopDelay.start()
  onStarted(async () => eventLoopDelay.stop())
  const oldGlance = await buildOldGlance(config, { ...core, registers: images.registers })
  oldGlance?.start()
  onStarted(async () => oldGlance?.stop())
  const view = buildOperator({
    ...core,
    registers: images.registers,
    holder: images.holder,
    storeMoves: images.storeMoves,
    cacheKeeper: images.cacheKeeper,
    taskRegisters: images.tasks.registers,
    loops,
    startedMs: STARTED_MS,
    eventLoopDelay: () => eventLoopDelay.recent,
    apiTraffic,
    streams,
    oldGlance,
  })
  onStarted(async () => view.stop())
  const api = buildApiServer(
    {
      images: images.service,
      v1: config.default.enableV1Api ? buildV1Images(core, images) : null,
      metadefs: metadefs.service,
      tasks: images.taskService,
      oldGlance,
      imports: images.imports.service,
      stores: core.stores,
      cache: new CacheService({
        cache: core.cache,
        policy: core.policy,
        registers: images.registers,
        keeper: images.cacheKeeper,
        urlsWith: (id) => view.caches.urlsWith(id),
      }),
      authenticator,
      policy: core.policy,
      readiness,
      whyAway,
      streams,
      meter: view.metrics,
      clock,
      random,
      log,
    },
    {
      publicEndpoint: config.default.publicEndpoint,
      pathPrefix: config.default.pathPrefix,
      believeProxies: config.osloMiddleware.enableProxyHeadersParsing,
      cors: config.cors,
      tls: certificate?.pair ?? null,
      clientPauseMs: config.default.clientSocketTimeout,
      limitDefault: config.default.limitParamDefault,
      limitMax: config.default.apiLimitMax,
      maxRequestIdLength: config.default.maxRequestIdLength,
      disableFile,
      diskFormats: config.imageFormat.diskFormats,
      containerFormats: config.imageFormat.containerFormats,
      tellsUsage: config.default.useKeystoneLimits,
      hasCache: core.cache !== null,
    },
  )
  api.server.on('connection', (socket: Socket) => apiTraffic.watch(socket))
  api.server.on('request', ({ url }: IncomingMessage) => core.foreground.noteRequest(url ?? ''))
  const access = new OperatorAccess({ authenticator, policy: core.policy, log }, operatorRules(config))
  const operator = buildOperatorServer(
    {
      ...view,
      metadefs: metadefs.admin,
      moving: { mover: images.mover, adopter: images.adopter, streams, clock },
      access,
      whyAway,
      page: await loadPage(),
    },
    { disableFile, clientPauseMs: config.default.clientSocketTimeout },
  )
  await operator.listen({ host: config.operator.bindHost, port: config.operator.port })
  onStarted(() => graceful.close(operator))
  await api.listen({ host: config.default.bindHost, port: config.default.bindPort })
  // When the uploads have ended that do its work.
  onStarted(() => Promise.all([images.imports.runner.stop(), images.storeMoves.mover.stop()]))
  onStarted(() => images.adopter.stop())
  onStarted(() => images.uploader.stop())
  onStarted(() => images.hasher.stop())
  // Last to be started and so the first to end: until then uploads go on, too. Operators move images by theirs.
  const endUploads = () => images.uploader.stop()
  onStarted(() => Promise.all([graceful.close(api, endUploads), graceful.close(operator)]))
  if (certificate && api.server instanceof TlsServer) {
    const followed = certificate.follow(api.server, { clock, log })
    core.reloads.push(() => followed.look())
    onStarted(async () => followed.unfollow())
  }
  onStarted(() => graceful.announce())
}

function memberIn(config: CurrentConfig, node: NodeId): MemberNode | undefined {
  return config.current().nodes.find(({ id }) => id === node)
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}

/** A node that never answered since this one started counts as silent since then. */
function lifeOf(node: NodeId, control: ControlPlane): Life {
  if (control.liveness.isAlive(node))
    return { startNonce: control.peers.hello(node)?.startNonce ?? null, silentMs: 0 }
  const { silentMs } = control.liveness.view(node)
  return { startNonce: null, silentMs: silentMs ?? clock.monotonicMs() - STARTED_MS }
}

function logStopError(log: Log, error: unknown): void {
  log.error({ error: String(error) }, 'a part of the node did not stop cleanly')
}
