/** Who knows the limits of projects: Keystone, with `use_keystone_limits`. */
import { KeystoneLimits, type LimitsEndpoint } from '../../api/auth/keystone-limits.ts'
import type { KeystoneCredentials } from '../../api/auth/keystone-session.ts'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import type { ProjectLimits } from '../images/project-limits.ts'
import { domainOf, openKeystone } from './open-keystone.ts'

export interface OpenLimits {
  /** null: there are none. */
  limits: ProjectLimits | null
  close(): Promise<void>
}

export async function buildLimits(config: SeracConfig, log: Log): Promise<OpenLimits> {
  if (!config.default.useKeystoneLimits) return { limits: null, close: async () => {} }
  const { osloLimit: options, keystoneAuthtoken: tokens } = config
  const keystone = await openKeystone(
    {
      credentials: credentialsOf(config),
      task: 'tell limits',
      cafile: options.cafile ?? tokens.cafile,
      certfile: options.certfile ?? tokens.certfile,
      keyfile: options.keyfile ?? tokens.keyfile,
      insecure: options.insecure || (options.authUrl === null && tokens.insecure),
      attemptMs: tokens.httpConnectTimeout,
      retries: tokens.httpRequestMaxRetries,
    },
    log,
  )
  const limits = new KeystoneLimits(
    { clock, log, session: keystone.session },
    { endpoint: endpointOf(options), cacheMs: options.cacheTime },
  )
  return { limits, close: () => keystone.close() }
}

/** What the section leaves out is as in [keystone_authtoken]; the configuration was checked. */
function credentialsOf({ osloLimit: own, keystoneAuthtoken: tokens }: SeracConfig): KeystoneCredentials {
  const user = own.username === null ? tokens : own
  const authUrl = own.authUrl ?? tokens.authUrl
  const { username, password } = user
  if (authUrl === null || username === null || password === null)
    throw new Error('[oslo_limit] needs auth_url, username and password')
  return {
    authUrl,
    user: { name: username, domain: domainOf(user.userDomainId, user.userDomainName), password },
    // Those of a project are shown the limits of that project alone.
    scope:
      own.projectName === null
        ? { system: { all: true } }
        : {
            project: {
              name: own.projectName,
              domain: domainOf(own.projectDomainId, own.projectDomainName),
            },
          },
    interface: tokens.interface,
    region: own.regionName ?? tokens.regionName,
  }
}

function endpointOf(options: SeracConfig['osloLimit']): LimitsEndpoint {
  if (options.endpointId !== null) return { id: options.endpointId }
  return {
    serviceName: options.endpointServiceName,
    serviceType: options.endpointServiceType,
    region: options.endpointRegionName,
    // Older files write publicURL.
    interface: options.endpointInterface.replace(/URL$/, ''),
  }
}
