/** Makes the back ends that are configured. */
import { readFile } from 'node:fs/promises'
import { systemClock as clock } from '../../cluster/runtime.ts'
import type { Backend } from '../backends/backend.ts'
import { Backends } from '../backends/backends.ts'
import type { S3BackendOptions } from '../backends/s3-backend.ts'
import { CEPH_CONF, type BackendConfig } from '../config/backend-options.ts'
import { parseIni } from '../config/ini.ts'
import type { SeracConfig } from '../config/options.ts'
import type { HashPool } from '../data/hash-pool.ts'
import { StoreList } from '../images/store-list.ts'

export interface OpenStores {
  backends: Backends
  /** As callers know them. */
  stores: StoreList
}

const MIB = 1024 ** 2
const HTTP_STORE = 'http'
const CLUSTER_ID = 'cluster'

/** Of Ceph's monitors, where the configuration leaves it to us, seconds. */
const RADOS_CONNECT_SECONDS = 10

/** Throws when authorities or ceph.conf cannot be read. None of the back ends is asked for anything: one that is down is no reason not to start. */
export async function openBackends(
  { backends: configured, glanceStore }: SeracConfig,
  hashes: Pick<HashPool, 'digest'>,
): Promise<OpenStores> {
  const opened = new Map<string, Backend>()
  for (const config of configured) opened.set(config.id, await openBackend(config, hashes))
  const { defaultBackend, stores: kinds } = glanceStore
  const isNamed = opened.has(defaultBackend)
  const stores = new StoreList({
    clusterId: isNamed ? CLUSTER_ID : defaultBackend,
    defaultId: defaultBackend,
    isHttpOn: kinds.includes(HTTP_STORE),
    backends: configured.map(({ id, type, weight, storeDescription }) => {
      const { properties } = opened.get(id)!
      return { id, type, weight, description: storeDescription, properties }
    }),
  })
  return { backends: new Backends(opened), stores }
}

/** What speaks HTTP is loaded when it is needed: it takes a tenth of a start. */
async function openBackend(config: BackendConfig, hashes: Pick<HashPool, 'digest'>): Promise<Backend> {
  switch (config.type) {
    case 'file': {
      const { FileBackend } = await import('../backends/file-backend.ts')
      const { id, filesystemStoreDatadir: directory, filesystemStoreFilePerm: perm } = config
      return new FileBackend({ id, directory: directory ?? '', mode: Number.parseInt(String(perm), 8) })
    }
    case 's3':
      return openS3(config)
    case 'swift':
      return openSwift(config, hashes)
    case 'rbd':
      return openRbd(config)
    case 'vmware':
      return openVmware(config)
  }
}

async function openS3(config: BackendConfig & { type: 's3' }): Promise<Backend> {
  const { S3Backend } = await import('../backends/s3-backend.ts')
  return new S3Backend(clock, await s3OptionsOf(config))
}

/** Throws when authorities cannot be read. */
export async function s3OptionsOf(config: BackendConfig & { type: 's3' }): Promise<S3BackendOptions> {
  const host = config.s3StoreHost ?? ''
  const endpoint = new URL(host.includes('://') ? host : `https://${host}`)
  const isAmazon = endpoint.hostname.endsWith('.amazonaws.com')
  const format = config.s3StoreBucketUrlFormat
  return {
    id: config.id,
    endpoint: endpoint.origin,
    region: config.s3StoreRegionName,
    accessKey: config.s3StoreAccessKey ?? '',
    secretKey: config.s3StoreSecretKey ?? '',
    bucket: config.s3StoreBucket ?? '',
    createBucket: config.s3StoreCreateBucketOnPut,
    style: format === 'auto' ? (isAmazon ? 'virtual' : 'path') : format,
    partBytes: config.s3StoreLargeObjectChunkSize * MIB,
    ca: await readIfSet(config.s3StoreCacert),
  }
}

async function openSwift(
  config: BackendConfig & { type: 'swift' },
  hashes: Pick<HashPool, 'digest'>,
): Promise<Backend> {
  const { SwiftBackend } = await import('../backends/swift-backend.ts')
  const version = config.swiftStoreAuthVersion === '1' ? 1 : 3
  const written = config.swiftStoreUser ?? ''
  const at = written.indexOf(':')
  const components = { clock, md5: () => hashes.digest('md5') }
  return new SwiftBackend(components, {
    id: config.id,
    credentials: {
      version,
      authUrl: config.swiftStoreAuthAddress ?? '',
      user: version === 1 ? written : written.slice(at + 1),
      project: written.slice(0, at),
      key: config.swiftStoreKey ?? '',
      userDomain: config.userDomainName,
      projectDomain: config.projectDomainName,
      region: config.swiftStoreRegion,
      endpointType: config.swiftStoreEndpointType,
      serviceType: config.swiftStoreServiceType,
      endpoint: config.swiftStoreEndpoint,
    },
    container: config.swiftStoreContainer,
    createContainer: config.swiftStoreCreateContainerOnPut,
    largeBytes: config.swiftStoreLargeObjectSize * MIB,
    segmentBytes: config.swiftStoreLargeObjectChunkSize * MIB,
    ca: await readIfSet(config.swiftStoreCacert),
    insecure: config.swiftStoreAuthInsecure,
  })
}

async function openRbd(config: BackendConfig & { type: 'rbd' }): Promise<Backend> {
  const { RbdBackend } = await import('../backends/rbd-backend.ts')
  const { id, rbdStorePool: pool, rbdStoreUser: user, rbdStoreCephConf: conf } = config
  return new RbdBackend(clock, {
    id,
    pool,
    user,
    conf,
    fsid: await fsidIn(conf ?? CEPH_CONF, id),
    objectBytes: 2 ** Math.floor(Math.log2(config.rbdStoreChunkSize)) * MIB,
    connectSeconds: config.radosConnectTimeout > 0 ? config.radosConnectTimeout : RADOS_CONNECT_SECONDS,
  })
}

async function openVmware(config: BackendConfig & { type: 'vmware' }): Promise<Backend> {
  const { VmwareBackend } = await import('../backends/vmware-backend.ts')
  const ca = await readIfSet(config.vmwareCaFile)
  return new VmwareBackend(clock, {
    id: config.id,
    host: config.vmwareServerHost ?? '',
    user: config.vmwareServerUsername ?? '',
    password: config.vmwareServerPassword ?? '',
    datastores: config.vmwareDatastores.toSorted((a, b) => b.weight - a.weight),
    directory: config.vmwareStoreImageDir.replaceAll(/^\/+|\/+$/g, ''),
    tries: config.vmwareApiRetryCount,
    pollMs: config.vmwareTaskPollInterval * 1000,
    ca,
    insecure: config.vmwareInsecure && ca === null,
  })
}

/** Without asking Ceph, which may be down. */
async function fsidIn(conf: string, store: string): Promise<string> {
  // There, lines are mostly indented, and continue nothing.
  const { assignments } = parseIni((await readFile(conf, 'utf8')).replaceAll(/^[ \t]+/gm, ''))
  const fsid = assignments.find(({ section, key }) => section === 'global' && key === 'fsid')?.value
  if (fsid !== undefined && /^[0-9a-f-]{36}$/i.test(fsid)) return fsid
  throw new Error(`the store ${store} needs fsid under [global] in ${conf}; \`ceph fsid\` tells it`)
}

async function readIfSet(path: string | null): Promise<string | null> {
  return path === null ? null : readFile(path, 'utf8')
}
