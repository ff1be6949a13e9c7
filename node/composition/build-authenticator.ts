/** Who says who a request comes from, by `auth_strategy`. */
import { readFile } from 'node:fs/promises'
import type { Authenticator } from '../../api/api-components.ts'
import { KeystoneAuth } from '../../api/auth/keystone.ts'
import type { DomainName, KeystoneCredentials } from '../../api/auth/keystone-session.ts'
import { KeystoneSession } from '../../api/auth/keystone-session.ts'
import { NoAuth } from '../../api/auth/noauth.ts'
import { TrustedHeaders } from '../../api/auth/trusted-headers.ts'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'

export interface RunningAuthenticator {
  authenticator: Authenticator
  close(): Promise<void>
}

type KeystoneOptions = SeracConfig['keystoneAuthtoken']

/** The domain that every Keystone has from its start. */
const DEFAULT_DOMAIN_ID = 'default'

/** Throws an Error for the operator when files named in the configuration cannot be read. Keystone need not be up. */
export async function buildAuthenticator(config: SeracConfig, log: Log): Promise<RunningAuthenticator> {
  const close = async () => {}
  switch (config.default.authStrategy) {
    case 'noauth':
      return { authenticator: new NoAuth(), close }
    case 'trusted_headers':
      return { authenticator: new TrustedHeaders(), close }
    case 'keystone':
      return buildKeystone(config, log)
  }
}

async function buildKeystone(
  { default: api, keystoneAuthtoken: options }: SeracConfig,
  log: Log,
): Promise<RunningAuthenticator> {
  // Loaded only where it is needed: undici takes a tenth of a start.
  const { KeystoneTransport } = await import('../../api/auth/keystone-transport.ts')
  const transport = new KeystoneTransport(
    { clock, log },
    {
      ca: await pemOf(options.cafile),
      cert: await pemOf(options.certfile),
      key: await pemOf(options.keyfile),
      insecure: options.insecure,
      attemptMs: options.httpConnectTimeout,
      retries: options.httpRequestMaxRetries,
    },
  )
  const credentials = credentialsOf(options)
  const session = new KeystoneSession({ http: transport, clock, log }, credentials)
  void session.warm()
  const authenticator = new KeystoneAuth(
    { clock, log, session },
    {
      authenticateUri: options.wwwAuthenticateUri ?? credentials.authUrl,
      cacheMs: Math.max(0, options.tokenCacheTime) * 1000,
      serviceTokenRoles: options.serviceTokenRoles,
      serviceTokenRolesRequired: options.serviceTokenRolesRequired,
      allowAnonymous: options.delayAuthDecision && api.allowAnonymousAccess,
    },
  )
  return { authenticator, close: () => transport.close() }
}

/** The four that have no default are there: the configuration was checked. */
function credentialsOf(options: KeystoneOptions): KeystoneCredentials {
  const { authUrl, username, password, projectName } = options
  if (authUrl === null || username === null || password === null || projectName === null)
    throw new Error('[keystone_authtoken] needs auth_url, username, password and project_name')
  return {
    authUrl,
    user: { name: username, domain: domainOf(options.userDomainId, options.userDomainName), password },
    project: { name: projectName, domain: domainOf(options.projectDomainId, options.projectDomainName) },
    interface: options.interface,
    region: options.regionName,
  }
}

function domainOf(id: string | null, name: string | null): DomainName['domain'] {
  return id === null && name !== null ? { name } : { id: id ?? DEFAULT_DOMAIN_ID }
}

async function pemOf(file: string | null): Promise<string | null> {
  return file === null ? null : readFile(file, 'utf8')
}
