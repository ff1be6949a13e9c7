/** The desk at which nodes with an invite find the cluster, where an operator has turned it on. */
import { formatHostPort } from '../../cluster/network/address.ts'
import { openHyperswarm } from '../../cluster/network/hyperswarm.ts'
import { RendezvousDesk } from '../../cluster/membership/rendezvous-desk.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'

/** Not started; null while it is off. */
export function buildRendezvous(
  { cluster }: SeracConfig,
  { currentConfig, log }: { currentConfig: CurrentConfig; log: Log },
): RendezvousDesk | null {
  const { rendezvousBootstrap: bootstrap, rendezvousPort: port, bindHost } = cluster
  if (bootstrap.length === 0) return null
  const listen = formatHostPort({ host: rendezvousHost(bindHost), port })
  return new RendezvousDesk(
    { clock, log, config: currentConfig, openSwarm: openHyperswarm },
    { bootstrap, listen },
  )
}

/** The hash table knows IPv4 only. */
export function rendezvousHost(bindHost: string): string {
  return bindHost === '::' ? '0.0.0.0' : bindHost
}
