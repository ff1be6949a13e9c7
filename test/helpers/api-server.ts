/** A façade over the in-memory image service, for tests. */
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { ApiComponents, ApiOptions } from '../../api/api-components.ts'
import { callerWith } from '../../api/auth/caller.ts'
import { NoAuth } from '../../api/auth/noauth.ts'
import { buildApiServer } from '../../api/server.ts'
import { defaultPolicy } from './default-policy.ts'
import { StreamLimit } from '../../api/stream-limit.ts'
import type { Log } from '../../cluster/runtime.ts'
import { systemClock, systemRandom } from '../../cluster/runtime.ts'
import { CONTAINER_FORMATS, DISK_FORMATS } from '../../node/images/image-record.ts'
import { CacheService } from '../../node/images/cache-service.ts'
import { StoreList } from '../../node/images/store-list.ts'
import { TaskService } from '../../node/tasks/task-service.ts'
import { MemoryRegisters } from '../node/images/memory-registers.ts'
import { FakeImageService } from './fake-image-service.ts'
import { FakeImportService } from './fake-import-service.ts'
import { DefinitionsWorld } from './memory-definitions.ts'

export interface LogEntry {
  level: keyof Log
  fields: object
  message: string
}

export interface TestApi {
  app: FastifyInstance
  images: FakeImageService
  imports: FakeImportService
  /** Of the tasks. */
  registers: MemoryRegisters
  log: LogEntry[]
  readiness: { write: boolean; read: boolean }
}

export const testOptions: ApiOptions = {
  publicEndpoint: null,
  pathPrefix: '',
  believeProxies: false,
  cors: {
    allowedOrigin: [],
    allowCredentials: true,
    exposeHeaders: ['X-OpenStack-Request-ID'],
    maxAge: 3600,
    allowMethods: ['GET', 'PUT'],
    allowHeaders: ['X-Auth-Token'],
  },
  tls: null,
  clientPauseMs: 300_000,
  limitDefault: 25,
  limitMax: 1000,
  maxRequestIdLength: 64,
  disableFile: '/nonexistent/healthcheck_disable',
  diskFormats: DISK_FORMATS,
  containerFormats: CONTAINER_FORMATS,
  tellsUsage: false,
  hasCache: false,
}

/** Who every request comes from, unless a test says otherwise. */
export const admin = callerWith('req-test', { roles: ['admin'] })

/** Closed with the test. */
export function testApi(
  t: Test,
  overrides: { components?: Partial<ApiComponents>; options?: Partial<ApiOptions> } = {},
): TestApi {
  const images = new FakeImageService()
  const imports = new FakeImportService(images)
  const registers = new MemoryRegisters()
  const entries: LogEntry[] = []
  const readiness = { write: true, read: true }
  const app = buildApiServer(
    {
      images,
      v1: null,
      oldGlance: null,
      metadefs: new DefinitionsWorld().node().service,
      tasks: new TaskService({ registers: registers.taskRegisters, index: registers.tasks, images }),
      imports,
      stores: new StoreList({ clusterId: 'cluster', isHttpOn: true }),
      cache: new CacheService({
        cache: null,
        keeper: null,
        policy: defaultPolicy,
        registers: registers.images,
        urlsWith: async () => [],
      }),
      authenticator: new NoAuth(),
      policy: defaultPolicy,
      readiness: {
        canWrite: () => readiness.write,
        canRead: () => readiness.read,
        reasons: () => ['no quorum'],
      },
      whyAway: () => null,
      streams: new StreamLimit(),
      meter: { noteRequest() {} },
      clock: systemClock,
      random: systemRandom,
      log: recordingLog(entries),
      ...overrides.components,
    },
    { ...testOptions, ...overrides.options },
  )
  t.teardown(() => {
    app.server.closeAllConnections()
    return app.close()
  })
  return { app, images, imports, registers, log: entries, readiness }
}

/** Listens on a free port of 127.0.0.1 and answers which. */
export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return Number(new URL(app.listeningOrigin).port)
}

export function recordingLog(entries: LogEntry[]): Log {
  const at = (level: keyof Log) => (fields: object, message: string) =>
    void entries.push({ level, fields, message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
