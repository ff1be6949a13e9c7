/**
 * A node's identity: one Ed25519 key, kept in one file. Its public half is the libp2p PeerId on the control plane and
 * the key of the self-signed certificate on the bulk plane, so one allow-list guards both.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import type { Random } from '../runtime.ts'
import type { NodeId } from './rpc-port.ts'

export interface NodeIdentity {
  id: NodeId
  /** For node:crypto and TLS. */
  privateKey: KeyObject
  /** The same key for libp2p. */
  libp2pKey: Ed25519PrivateKey
  /** 16 hex digits, new at every process start: ballots and liveness tell two lives of one node apart by it. */
  startNonce: string
}

const START_NONCE_BYTES = 8
/** RFC 8032, 5.1.5: the secret and the public key of Ed25519. */
const ED25519_KEY_BYTES = 32
/** Only the owner may read the key. */
const KEY_FILE_MODE = 0o600

/** The PeerId of a raw 32-byte Ed25519 public key. */
export function nodeIdFromPublicKey(raw: Uint8Array): NodeId {
  return peerIdFromPublicKey(publicKeyFromRaw(raw)).toString()
}

/**
 * The raw 32 bytes of an Ed25519 public key. By way of DER, never of JWK: Node 20 holds the key's mutex while it makes
 * the strings of a JWK, and a garbage collection there that ends the job that generated the key waits for it for ever.
 */
export function rawPublicKey(key: KeyObject): Uint8Array {
  return rawKey(key.export({ format: 'der', type: 'spki' }))
}

/** RFC 8410: both encodings of an Ed25519 key end with its 32 raw bytes. */
function rawKey(der: Buffer): Uint8Array {
  return new Uint8Array(der.subarray(-ED25519_KEY_BYTES))
}

/** Builds the identity from an Ed25519 private key. */
export function identityFromKey(privateKey: KeyObject, random: Random): NodeIdentity {
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('the node key must be an Ed25519 key')
  const secret = rawKey(privateKey.export({ format: 'der', type: 'pkcs8' }))
  const publicKey = rawPublicKey(createPublicKey(privateKey))
  const libp2pKey = privateKeyFromRaw(Buffer.concat([secret, publicKey])) as Ed25519PrivateKey
  const startNonce = Buffer.from(random.bytes(START_NONCE_BYTES)).toString('hex')
  return { id: nodeIdFromPublicKey(publicKey), privateKey, libp2pKey, startNonce }
}

/** A new identity that no file holds. */
export function createIdentity(random: Random): NodeIdentity {
  return identityFromKey(createPrivateKey(newKeyPem()), random)
}

/** A new private key as PKCS #8 PEM. */
function newKeyPem(): string {
  return generateKeyPairSync('ed25519', {
    publicKeyEncoding: { format: 'pem', type: 'spki' },
    privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
  }).privateKey
}

/** Reads the key file; throws when there is none or it holds no Ed25519 key. */
export async function loadIdentity(file: string, random: Random): Promise<NodeIdentity> {
  return identityFromKey(createPrivateKey(await readFile(file)), random)
}

/** Reads the key file, or makes it first (PEM, mode 0600, durable before it is used). */
export async function loadOrCreateIdentity(file: string, random: Random): Promise<NodeIdentity> {
  try {
    return await loadIdentity(file, random)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const draft = `${file}.new`
  const handle = await open(draft, 'w', KEY_FILE_MODE)
  try {
    await handle.writeFile(newKeyPem())
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, file)
  await syncDirectory(dirname(file))
  return loadIdentity(file, random)
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
