/**
 * Three nodes as operators have them: with a real Keystone, behind a real HAProxy. All files that import this share them,
 * since starting them takes most of a minute; they end with the test process.
 */
import t, { type Test } from 'tap'
import { parseSetting } from '../../../deploy/dev/node-config.ts'
import { clientCluster, SHORT_PAGES } from '../client-cluster.ts'
import { cleanEnvironment, type Command, CommandHost } from '../command-host.ts'
import { RealHaproxy } from '../real-haproxy.ts'
import { credentialsOf, RealKeystone, type UserName } from '../real-keystone.ts'
import { RoamingClient } from '../roaming-client.ts'

/** For which the nodes remember a token, seconds. */
export const CACHE_SECONDS = 3
/** For which they remember the limits of a project, seconds. */
export const LIMITS_SECONDS = 1
/** Keystone's own answer takes a second on a busy machine; nobody waits for a Keystone that is away longer than this, ms. */
export const ANSWER_LIMIT_MS = 20_000

const keystone = await RealKeystone.start(t)
const cluster = await clientCluster(t, [
  ...SHORT_PAGES,
  ...[
    'DEFAULT.auth_strategy=keystone',
    'oslo_middleware.enable_proxy_headers_parsing=true',
    `keystone_authtoken.auth_url=${keystone.url}`,
    'keystone_authtoken.username=serac',
    'keystone_authtoken.password=seracpw',
    'keystone_authtoken.project_name=service',
    'keystone_authtoken.user_domain_name=Default',
    'keystone_authtoken.project_domain_id=default',
    `keystone_authtoken.token_cache_time=${CACHE_SECONDS}`,
    'keystone_authtoken.http_connect_timeout=3',
    'keystone_authtoken.http_request_max_retries=1',
    'DEFAULT.use_keystone_limits=true',
    'oslo_limit.endpoint_service_type=image',
    `oslo_limit.cache_time=${LIMITS_SECONDS}`,
  ].map(parseSetting),
])
const nodeUrls = cluster.nodes.map(({ apiUrl }) => apiUrl)
const haproxy = await RealHaproxy.start(t, nodeUrls)
await keystone.registerImageService(haproxy.url)
await keystone.registerLimits({
  image_size_total: -1,
  image_stage_total: -1,
  image_count_total: -1,
  image_count_uploading: 5,
})
const host = await CommandHost.start(t)

export const controllers = { keystone, cluster, nodeUrls, haproxy }

/** The shell of `user`, with a home directory of its own, which finds the image service in its catalogue. */
export async function environmentOf(t: Test, user: UserName): Promise<Record<string, string>> {
  return { ...(await cleanEnvironment(t)), ...credentialsOf(keystone, user) }
}

/** `program` in that shell, with `options` before every command. */
export async function clientOf(
  t: Test,
  program: Command['program'],
  user: UserName,
  options: string[] = [],
): Promise<RoamingClient> {
  const environment = await environmentOf(t, user)
  return new RoamingClient({ host, program, target: () => options, urls: [haproxy.url], environment })
}

/** The status of a request to a node, by a token or without one. */
export async function statusOf(
  token: string | null,
  { node = 0, path = '/v2/images', ...rest }: RequestInit & { node?: number; path?: string } = {},
): Promise<number> {
  const headers = new Headers(rest.headers)
  if (token !== null) headers.set('x-auth-token', token)
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS)
  const response = await fetch(nodeUrls[node]! + path, { ...rest, headers, signal })
  await response.arrayBuffer()
  return response.status
}
