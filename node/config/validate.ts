/** Rules between options. Each names the written value that is to be changed. */
import { isIPv6 } from 'node:net'
import { PUBLIC_BOOTSTRAP } from '../../cluster/network/swarm-port.ts'
import { memberListProblems } from './members.ts'
import { OPTIONS, type SeracConfig } from './options.ts'
import type { Option } from './option.ts'
import type { Settings } from './settings.ts'

/** Adds a problem to `settings` for every rule that `config` breaks. */
export function validate(config: SeracConfig, settings: Settings): void {
  checkAuthentication(config, settings)
  checkKeystone(config, settings)
  checkLimits(config, settings)
  checkCertificate(config, settings)
  checkPatience(config, settings)
  checkPages(config, settings)
  checkPorts(config, settings)
  checkOperator(config, settings)
  checkNotifications(config, settings)
  checkRendezvous(config, settings)
  checkBackends(config, settings)
  for (const problem of memberListProblems(config.cluster.initialMembers)) {
    settings.refuse(
      originOf(settings, OPTIONS.cluster.options.initial_members),
      `initial_members: ${problem}`,
    )
  }
}

function checkRendezvous({ cluster }: SeracConfig, settings: Settings): void {
  const { rendezvousBootstrap: places, bindHost } = cluster
  if (places.length === 0) return
  const origin = originOf(settings, OPTIONS.cluster.options.rendezvous_bootstrap)
  if (places.includes(PUBLIC_BOOTSTRAP) && places.length > 1)
    settings.refuse(origin, 'rendezvous_bootstrap is either public, or nodes of your own')
  if (isIPv6(bindHost) && bindHost !== '::')
    settings.refuse(origin, `rendezvous_bootstrap needs IPv4, and bind_host is ${bindHost}`)
}

function checkNotifications({ osloMessagingNotifications }: SeracConfig, settings: Settings): void {
  const { driver, transportUrl } = osloMessagingNotifications
  if (driver === 'noop' || transportUrl !== null) return
  const origin = originOf(settings, OPTIONS.oslo_messaging_notifications.options.driver)
  settings.refuse(origin, `driver ${driver} needs transport_url in [oslo_messaging_notifications]`)
}

/** Two sections of one name would be one. */
function checkBackends({ backends }: SeracConfig, settings: Settings): void {
  const origin = originOf(settings, OPTIONS.DEFAULT.options.enabled_backends)
  const taken = new Set(['http', 'cluster', ...Object.keys(OPTIONS)])
  for (const { id } of backends) {
    if (taken.has(id.toLowerCase()))
      settings.refuse(origin, `enabled_backends: the name ${id} is taken; call the store something else`)
    taken.add(id.toLowerCase())
  }
}

function checkAuthentication({ default: api }: SeracConfig, settings: Settings): void {
  if (api.authStrategy === 'keystone' || api.insecureAllowRemote || isLoopback(api.bindHost)) return
  settings.refuse(
    originOf(settings, OPTIONS.DEFAULT.options.auth_strategy),
    `auth_strategy ${api.authStrategy} believes everybody who can connect to bind_host ${api.bindHost}: ` +
      'bind to 127.0.0.1, or say insecure_allow_remote = true if other machines really may',
  )
}

/** What a service user cannot do without; whoever has none yet is told all of it at once. */
const KEYSTONE_NEEDS = ['auth_url', 'username', 'password', 'project_name'] as const

function checkKeystone({ default: api, keystoneAuthtoken }: SeracConfig, settings: Settings): void {
  if (api.authStrategy !== 'keystone') return
  const { authUrl, username, password, projectName } = keystoneAuthtoken
  const values = [authUrl, username, password, projectName]
  const missing = KEYSTONE_NEEDS.filter((_, index) => values[index] === null)
  if (missing.length > 0)
    settings.refuse(
      originOf(settings, OPTIONS.DEFAULT.options.auth_strategy),
      `auth_strategy keystone needs ${missing.join(', ')} in [keystone_authtoken]`,
    )
}

function checkLimits({ default: api, osloLimit, keystoneAuthtoken }: SeracConfig, settings: Settings): void {
  if (!api.useKeystoneLimits) return
  const origin = originOf(settings, OPTIONS.DEFAULT.options.use_keystone_limits)
  const { endpointId, endpointServiceName, endpointServiceType } = osloLimit
  if (endpointId === null && endpointServiceName === null && endpointServiceType === null)
    settings.refuse(
      origin,
      'use_keystone_limits needs endpoint_id, or endpoint_service_type, in [oslo_limit]',
    )
  const { username, password } = osloLimit.username === null ? keystoneAuthtoken : osloLimit
  if ((osloLimit.authUrl ?? keystoneAuthtoken.authUrl) === null || username === null || password === null)
    settings.refuse(
      origin,
      'use_keystone_limits needs auth_url, username and password in [oslo_limit] or [keystone_authtoken]',
    )
}

/** Elsewhere 0 stands for ever, and nothing here is waited for that long. */
function checkPatience({ default: api, keystoneAuthtoken }: SeracConfig, settings: Settings): void {
  const { client_socket_timeout } = OPTIONS.DEFAULT.options
  if (api.clientSocketTimeout <= 0)
    settings.refuse(originOf(settings, client_socket_timeout), 'client_socket_timeout must be above 0')
  const { http_connect_timeout } = OPTIONS.keystone_authtoken.options
  if (keystoneAuthtoken.httpConnectTimeout <= 0)
    settings.refuse(originOf(settings, http_connect_timeout), 'http_connect_timeout must be above 0')
}

function checkCertificate({ default: api, keystoneAuthtoken }: SeracConfig, settings: Settings): void {
  const { cert_file, key_file } = OPTIONS.DEFAULT.options
  if ((api.certFile === null) !== (api.keyFile === null))
    settings.refuse(
      originOf(settings, cert_file) ?? originOf(settings, key_file),
      'cert_file and key_file need each other',
    )
  const { certfile, keyfile } = OPTIONS.keystone_authtoken.options
  if ((keystoneAuthtoken.certfile === null) !== (keystoneAuthtoken.keyfile === null))
    settings.refuse(
      originOf(settings, certfile) ?? originOf(settings, keyfile),
      'certfile and keyfile in [keystone_authtoken] need each other',
    )
}

function checkPages({ default: api }: SeracConfig, settings: Settings): void {
  if (api.limitParamDefault <= api.apiLimitMax) return
  settings.refuse(
    originOf(settings, OPTIONS.DEFAULT.options.limit_param_default),
    `limit_param_default ${api.limitParamDefault} must not be above api_limit_max ${api.apiLimitMax}`,
  )
}

function checkPorts({ default: api, cluster, operator }: SeracConfig, settings: Settings): void {
  const listeners = [
    {
      name: '[DEFAULT] bind_port',
      host: api.bindHost,
      port: api.bindPort,
      option: OPTIONS.DEFAULT.options.bind_port,
    },
    {
      name: '[cluster] control_port',
      host: cluster.bindHost,
      port: cluster.controlPort,
      option: OPTIONS.cluster.options.control_port,
    },
    {
      name: '[cluster] bulk_port',
      host: cluster.bindHost,
      port: cluster.bulkPort,
      option: OPTIONS.cluster.options.bulk_port,
    },
    {
      name: '[operator] port',
      host: operator.bindHost,
      port: operator.port,
      option: OPTIONS.operator.options.port,
    },
  ]
  listeners.forEach((listener, index) => {
    const other = listeners.slice(0, index).find((earlier) => collide(earlier, listener))
    if (other === undefined) return
    settings.refuse(
      originOf(settings, listener.option) ?? originOf(settings, other.option),
      `${listener.name} and ${other.name} are both ${listener.port}`,
    )
  })
}

/** As many characters as cannot be guessed; `openssl rand -hex 32` makes 64. */
const OPERATOR_TOKEN_LENGTH_MIN = 16

function checkOperator({ default: api, operator }: SeracConfig, settings: Settings): void {
  const { token, bind_host } = OPTIONS.operator.options
  if (operator.token !== null && operator.token.length < OPERATOR_TOKEN_LENGTH_MIN)
    settings.refuse(
      originOf(settings, token),
      `[operator] token must have at least ${OPERATOR_TOKEN_LENGTH_MIN} characters; "openssl rand -hex 32" makes one`,
    )
  const asksNobody = operator.token === null && api.authStrategy !== 'keystone' && !api.insecureAllowRemote
  if (asksNobody && !isLoopback(operator.bindHost))
    settings.refuse(
      originOf(settings, bind_host),
      `[operator] bind_host ${operator.bindHost} lets everybody who can connect to it change the cluster: bind to ` +
        '127.0.0.1, or set [operator] token',
    )
}

function collide(a: { host: string; port: number }, b: { host: string; port: number }): boolean {
  return a.port === b.port && (a.host === b.host || isWildcard(a.host) || isWildcard(b.host))
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function originOf(settings: Settings, option: Option<unknown>): string | null {
  return settings.written(option).at(-1)?.origin ?? null
}
