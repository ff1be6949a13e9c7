/**
 * What an operator carries to a node that is to join (R10): which cluster, whom to ask or how to find out, and the secret
 * that opens the door once. The cluster itself keeps only the secret's hash.
 */
import { contentHashHex } from '../content-hash.ts'
import { parseHostPort } from '../network/address.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { PUBLIC_BOOTSTRAP } from '../network/swarm-port.ts'
import type { Random } from '../runtime.ts'

/** A voter, and the address of its control plane. */
export interface InviteHost {
  id: NodeId
  address: string
}

export interface InviteToken {
  clusterId: string
  /** Whom to ask: the voters. Empty where they are found by the rendezvous. */
  hosts: InviteHost[]
  /** Where the rendezvous is looked for: nodes of the hash table, `host:port`. Empty where the hosts are named. */
  rendezvous: string[]
  secret: Uint8Array
  /** Wall time, ms. */
  expiresAtMs: number
}

/** Bytes: nobody guesses it. */
const SECRET_BYTES = 32
/** Characters: seven voters with long host names take two thousand. */
const TOKEN_LENGTH_MAX = 8192
/** The forms, told apart: with the hosts, and with the rendezvous in their place. */
const WITH_HOSTS = 1
const WITH_RENDEZVOUS = 2
/** Digits of its hash by which operators call an invite: it is known by them, and nobody can show it. */
const ID_LENGTH = 8

export function mintSecret(random: Random): Uint8Array {
  return random.bytes(SECRET_BYTES)
}

/** What the cluster config holds of a secret. */
export function secretHash(secret: Uint8Array): string {
  return contentHashHex(secret)
}

/** What operators call an invite by. */
export function inviteId({ secretHash: hash }: { secretHash: string }): string {
  return hash.slice(0, ID_LENGTH)
}

/** One word of letters, digits, `-` and `_`. */
export function encodeInvite({ clusterId, hosts, rendezvous, secret, expiresAtMs }: InviteToken): string {
  const isFound = rendezvous.length > 0
  const parts = [
    isFound ? WITH_RENDEZVOUS : WITH_HOSTS,
    clusterId,
    isFound ? rendezvous : hosts.map(({ id, address }) => [id, address]),
    Buffer.from(secret).toString('base64url'),
    expiresAtMs,
  ]
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** Throws an Error for the operator when `text` is no invite, or not a whole one. Never repeats the text: it is secret. */
export function decodeInvite(text: string): InviteToken {
  const token = text.length <= TOKEN_LENGTH_MAX ? parse(text) : null
  if (!token)
    throw new Error('this is no invite, or only a part of one: copy the whole line of "serac invite"')
  return token
}

function parse(text: string): InviteToken | null {
  try {
    const parts = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[]
    const [version, clusterId, whom, secretText, expiresAtMs] = parts
    if (typeof clusterId !== 'string' || typeof expiresAtMs !== 'number') return null
    const ways =
      version === WITH_HOSTS ? byHosts(whom) : version === WITH_RENDEZVOUS ? byRendezvous(whom) : null
    const secret = new Uint8Array(Buffer.from(secretText as string, 'base64url'))
    return ways && secret.length === SECRET_BYTES ? { clusterId, ...ways, secret, expiresAtMs } : null
  } catch {
    return null
  }
}

function byHosts(pairs: unknown): Pick<InviteToken, 'hosts' | 'rendezvous'> {
  const hosts = (pairs as [string, string][]).map(([id, address]) => ({ id, address }))
  for (const { address } of hosts) parseHostPort(address)
  return { hosts, rendezvous: [] }
}

function byRendezvous(bootstrap: unknown): Pick<InviteToken, 'hosts' | 'rendezvous'> {
  const rendezvous = bootstrap as string[]
  for (const place of rendezvous) if (place !== PUBLIC_BOOTSTRAP) parseHostPort(place)
  return { hosts: [], rendezvous }
}
