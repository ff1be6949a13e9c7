/**
 * What a node that has an invite and a node of the cluster say to each other when they met by the invite's topic.
 *
 * Everything hangs on the hash of the invite's secret, which the cluster keeps and the invite tells. Topic and key are
 * derived from it one way each: the hash table sees topics and learns no key, and a key opens no door, since the join
 * itself takes the secret. Each proof covers the binding of its connection, so that one which was carried over from another
 * connection proves nothing: somebody in the middle learns nothing and can say nothing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { decode, encode } from 'cborg'
import { isPlainObject } from '../network/rpc-messages.ts'
import { parseHostPort } from '../network/address.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { InviteState } from './cluster-config.ts'
import type { InviteHost } from './invite-token.ts'

/** What a node of the cluster answers who has proved to know an invite. */
export interface RendezvousAnswer {
  clusterId: string
  /** The voters; whom to ask to be let in. */
  hosts: InviteHost[]
  state: InviteState
  /** Of a used invite, who joined by it: that node may show it again. */
  usedBy: NodeId | null
}

type Side = 'joiner' | 'member'

/** Voters; there are at most seven, and seven more while they change. */
const HOSTS_MAX = 14
const TEXT_LENGTH_MAX = 512
const STATES: readonly unknown[] = ['open', 'used', 'revoked', 'expired'] satisfies InviteState[]

/** 32 bytes, told to everybody. */
export function topicOf(secretHash: string): Buffer {
  return derived('topic', secretHash)
}

export function encodeKnock(secretHash: string, binding: Uint8Array): Uint8Array {
  return encode({ proof: proofOf('joiner', secretHash, binding) })
}

/** Which of these invites the other side has proved to know; undefined: none. */
export function inviteOfKnock<T extends { secretHash: string }>(
  message: Uint8Array,
  binding: Uint8Array,
  invites: readonly T[],
): T | undefined {
  const proof = decodeMap(message)?.['proof']
  return invites.find(({ secretHash }) => isEqual(proof, proofOf('joiner', secretHash, binding)))
}

export function encodeAnswer(answer: RendezvousAnswer, secretHash: string, binding: Uint8Array): Uint8Array {
  const { clusterId, hosts, state, usedBy } = answer
  const body = encode({ clusterId, hosts: hosts.map(({ id, address }) => [id, address]), state, usedBy })
  return encode({ body, proof: proofOf('member', secretHash, binding, body) })
}

/** Null: no answer, or not one of a node that knows the invite. */
export function decodeAnswer(
  message: Uint8Array,
  secretHash: string,
  binding: Uint8Array,
): RendezvousAnswer | null {
  const { body, proof } = decodeMap(message) ?? {}
  if (!(body instanceof Uint8Array) || !isEqual(proof, proofOf('member', secretHash, binding, body)))
    return null
  const { clusterId, hosts, state, usedBy } = decodeMap(body) ?? {}
  if (!isText(clusterId) || !isState(state) || !(usedBy === null || isText(usedBy))) return null
  if (!Array.isArray(hosts) || hosts.length > HOSTS_MAX || !hosts.every(isHost)) return null
  return { clusterId, state, usedBy, hosts: hosts.map(([id, address]) => ({ id, address })) }
}

function proofOf(
  side: Side,
  secretHash: string,
  binding: Uint8Array,
  body: Uint8Array = new Uint8Array(0),
): Buffer {
  // The binding is of fixed length, so no two inputs run together.
  return createHmac('sha256', derived('key', secretHash)).update(side).update(binding).update(body).digest()
}

function derived(what: 'topic' | 'key', secretHash: string): Buffer {
  return createHmac('sha256', Buffer.from(secretHash, 'hex')).update(`serac rendezvous 1 ${what}`).digest()
}

function isEqual(proof: unknown, expected: Buffer): boolean {
  return proof instanceof Uint8Array && proof.length === expected.length && timingSafeEqual(proof, expected)
}

function decodeMap(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = decode(bytes, { rejectDuplicateMapKeys: true })
    return isPlainObject(value) ? value : null
  } catch {
    return null
  }
}

function isHost(pair: unknown): pair is [string, string] {
  if (!Array.isArray(pair) || pair.length !== 2 || !pair.every(isText)) return false
  try {
    parseHostPort(String(pair[1]))
    return true
  } catch {
    return false
  }
}

function isState(value: unknown): value is InviteState {
  return STATES.includes(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_LENGTH_MAX
}
