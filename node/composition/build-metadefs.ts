/** Makes the metadata definitions: their service, what the operator does to them, and the loop that cleans up. */
import type { Cluster } from '../../cluster/cluster.ts'
import { systemClock as clock, systemRandom as random, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import { NameReaper } from '../loops/name-reaper.ts'
import { MetadefRegisters } from '../metadefs/metadef-registers.ts'
import { MetadefService } from '../metadefs/metadef-service.ts'
import type { MetadefPolicy } from '../metadefs/namespace-guard.ts'
import type { NamespaceIndex } from '../metadefs/namespace-index.ts'
import { NamespaceKeeper } from '../metadefs/namespace-keeper.ts'
import { nameKey } from '../metadefs/namespace-record.ts'
import { MetadefAdmin } from '../status/metadef-admin.ts'

export interface MetadefParts {
  config: SeracConfig
  log: Log
  cluster: Pick<Cluster, 'registers'>
  definitions: NamespaceIndex
  policy: MetadefPolicy
}

export interface Metadefs {
  service: MetadefService
  admin: MetadefAdmin
  names: NameReaper
}

export function buildMetadefs(parts: MetadefParts): Metadefs {
  const { config, log, cluster, definitions, policy } = parts
  const registers = new MetadefRegisters(cluster.registers)
  const base = { clock, random, log, registers, index: definitions }
  const keeper = new NamespaceKeeper(base)
  return {
    service: new MetadefService({ ...base, policy, keeper }, { staleLists: config.cluster.staleLists }),
    admin: new MetadefAdmin({ ...base, keeper }),
    names: new NameReaper({
      clock,
      log,
      idleHolders: () => definitions.idleHolders(),
      giveUp: (holder) => keeper.claims.giveUp(holder),
      seesTo: (name) => cluster.registers.seesTo(nameKey(name)),
      caughtUp: () => cluster.registers.caughtUp,
    }),
  }
}
