/**
 * What an operator carries to a node that is to join (R10): which cluster, whom to ask, and the secret that opens the
 * door once. The cluster itself keeps only the secret's hash.
 */
import { contentHashHex } from '../content-hash.ts'
import { parseHostPort } from '../network/address.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Random } from '../runtime.ts'

export interface InviteToken {
  clusterId: string
  /** Whom to ask: the voters, with the addresses of their control planes. */
  hosts: { id: NodeId; address: string }[]
  secret: Uint8Array
  /** Wall time, ms. */
  expiresAtMs: number
}

/** Bytes: nobody guesses it. */
const SECRET_BYTES = 32
/** Characters: seven voters with long host names take two thousand. */
const TOKEN_LENGTH_MAX = 8192
/** Told apart from later forms. */
const VERSION = 1

export function mintSecret(random: Random): Uint8Array {
  return random.bytes(SECRET_BYTES)
}

/** What the cluster config holds of a secret. */
export function secretHash(secret: Uint8Array): string {
  return contentHashHex(secret)
}

/** One word of letters, digits, `-` and `_`. */
export function encodeInvite({ clusterId, hosts, secret, expiresAtMs }: InviteToken): string {
  const parts = [
    VERSION,
    clusterId,
    hosts.map(({ id, address }) => [id, address]),
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
    const [version, clusterId, pairs, secretText, expiresAtMs] = parts
    if (version !== VERSION || typeof clusterId !== 'string' || typeof expiresAtMs !== 'number') return null
    const hosts = (pairs as [string, string][]).map(([id, address]) => ({ id, address }))
    for (const { address } of hosts) parseHostPort(address)
    const secret = new Uint8Array(Buffer.from(secretText as string, 'base64url'))
    return secret.length === SECRET_BYTES ? { clusterId, hosts, secret, expiresAtMs } : null
  } catch {
    return null
  }
}
