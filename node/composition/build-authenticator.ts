/** Who says who a request comes from, by `auth_strategy`. */
import type { Authenticator } from '../../api/api-components.ts'
import { KeystoneAuth } from '../../api/auth/keystone.ts'
import type { KeystoneCredentials } from '../../api/auth/keystone-session.ts'
import { NoAuth } from '../../api/auth/noauth.ts'
import { TrustedHeaders } from '../../api/auth/trusted-headers.ts'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import { domainOf, openKeystone } from './open-keystone.ts'

export interface RunningAuthenticator {
  authenticator: Authenticator
  close(): Promise<void>
}

type KeystoneOptions = SeracConfig['keystoneAuthtoken']

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
  const credentials = credentialsOf(options)
  const keystone = await openKeystone(
    {
      ...options,
      credentials,
      task: 'check tokens',
      attemptMs: options.httpConnectTimeout,
      retries: options.httpRequestMaxRetries,
    },
    log,
  )
  const authenticator = new KeystoneAuth(
    { clock, log, session: keystone.session },
    {
      authenticateUri: options.wwwAuthenticateUri ?? credentials.authUrl,
      cacheMs: Math.max(0, options.tokenCacheTime) * 1000,
      serviceTokenRoles: options.serviceTokenRoles,
      serviceTokenRolesRequired: options.serviceTokenRolesRequired,
      allowAnonymous: options.delayAuthDecision && api.allowAnonymousAccess,
    },
  )
  return { authenticator, close: () => keystone.close() }
}

/** The four that have no default are there: the configuration was checked. */
function credentialsOf(options: KeystoneOptions): KeystoneCredentials {
  const { authUrl, username, password, projectName } = options
  if (authUrl === null || username === null || password === null || projectName === null)
    throw new Error('[keystone_authtoken] needs auth_url, username, password and project_name')
  return {
    authUrl,
    user: { name: username, domain: domainOf(options.userDomainId, options.userDomainName), password },
    scope: {
      project: { name: projectName, domain: domainOf(options.projectDomainId, options.projectDomainName) },
    },
    interface: options.interface,
    region: options.regionName,
  }
}
