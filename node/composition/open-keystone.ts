/** A standing with Keystone, as one section of the configuration describes it. */
import { readFile } from 'node:fs/promises'
import {
  type DomainName,
  type KeystoneCredentials,
  KeystoneSession,
} from '../../api/auth/keystone-session.ts'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'

export interface KeystoneAccess {
  credentials: KeystoneCredentials
  /** What it is for, as the log says it: `check tokens`. */
  task: string
  cafile: string | null
  certfile: string | null
  keyfile: string | null
  insecure: boolean
  /** For one attempt, ms. */
  attemptMs: number
  retries: number
}

export interface OpenKeystone {
  session: KeystoneSession
  close(): Promise<void>
}

/** The domain that every Keystone has from its start. */
const DEFAULT_DOMAIN_ID = 'default'

/** Throws an Error for the operator when a file cannot be read. Keystone need not be up. */
export async function openKeystone(access: KeystoneAccess, log: Log): Promise<OpenKeystone> {
  // Loaded only where it is needed: undici takes a tenth of a start.
  const { KeystoneTransport } = await import('../../api/auth/keystone-transport.ts')
  const transport = new KeystoneTransport(
    { clock, log },
    {
      ca: await pemOf(access.cafile),
      cert: await pemOf(access.certfile),
      key: await pemOf(access.keyfile),
      insecure: access.insecure,
      attemptMs: access.attemptMs,
      retries: access.retries,
    },
  )
  const { credentials, task } = access
  const session = new KeystoneSession({ http: transport, clock, log, task }, credentials)
  void session.warm()
  return { session, close: () => transport.close() }
}

export function domainOf(id: string | null, name: string | null): DomainName['domain'] {
  return id === null && name !== null ? { name } : { id: id ?? DEFAULT_DOMAIN_ID }
}

async function pemOf(file: string | null): Promise<string | null> {
  return file === null ? null : readFile(file, 'utf8')
}
