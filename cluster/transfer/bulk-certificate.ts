/**
 * The certificate of the bulk plane: self-signed X.509 over the node's own Ed25519 key. TLS 1.3 proves that the other
 * end holds the key of the certificate it shows, and the key is the node's identity: nothing else in the certificate is
 * looked at, so there is no authority to run and nothing that expires.
 *
 * The DER is written by hand: five fixed fields are less to trust than an X.509 library.
 */
import { createPublicKey, sign, type KeyObject, type X509Certificate } from 'node:crypto'
import { nodeIdFromPublicKey, rawPublicKey, type NodeIdentity } from '../network/identity.ts'
import type { NodeId } from '../network/rpc-port.ts'

/** What node:tls takes. */
export interface BulkCredentials {
  /** PEM. */
  key: string
  /** PEM. */
  cert: string
}

const SEQUENCE = 0x30
const SET = 0x31
const INTEGER = 0x02
const BIT_STRING = 0x03
const OBJECT_ID = 0x06
const UTF8_STRING = 0x0c
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
/** `[0] EXPLICIT`, the place of the version. */
const VERSION_TAG = 0xa0
/** X.509 version 3 is written as 2. */
const VERSION_3 = 2
/** 1.3.101.112 (RFC 8410). */
const ED25519_OID = Buffer.from([0x2b, 0x65, 0x70])
/** 2.5.4.3. */
const COMMON_NAME_OID = Buffer.from([0x55, 0x04, 0x03])
const SHORT_LENGTH_MAX = 0x7f
const PEM_LINE = /.{1,64}/g
/** RFC 5280 §4.1.2.5: the value for "no well-defined expiration". A wrong clock must not cut a node off. */
const NOT_BEFORE = '700101000000Z'
const NOT_AFTER = '99991231235959Z'

/** Makes the certificate anew; it is kept in memory only. CN = node id, for humans. */
export function createBulkCredentials(identity: NodeIdentity): BulkCredentials {
  const algorithm = der(SEQUENCE, der(OBJECT_ID, ED25519_OID))
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, der(OBJECT_ID, COMMON_NAME_OID), text(UTF8_STRING, identity.id))),
  )
  const toBeSigned = der(
    SEQUENCE,
    der(VERSION_TAG, der(INTEGER, Buffer.from([VERSION_3]))),
    der(INTEGER, Buffer.from([1])),
    algorithm,
    name,
    der(SEQUENCE, text(UTC_TIME, NOT_BEFORE), text(GENERALIZED_TIME, NOT_AFTER)),
    name,
    createPublicKey(identity.privateKey).export({ format: 'der', type: 'spki' }),
  )
  const signature = sign(null, toBeSigned, identity.privateKey)
  const certificate = der(SEQUENCE, toBeSigned, algorithm, der(BIT_STRING, Buffer.from([0]), signature))
  return {
    key: identity.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: pem(certificate),
  }
}

/** Whose certificate this is; null when it carries no Ed25519 key. */
export function nodeIdOfCertificate(certificate: X509Certificate | undefined): NodeId | null {
  const key: KeyObject | undefined = certificate?.publicKey
  return key?.asymmetricKeyType === 'ed25519' ? nodeIdFromPublicKey(rawPublicKey(key)) : null
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

function text(tag: number, value: string): Buffer {
  return der(tag, Buffer.from(value))
}

/** DER wants the shortest form: one byte up to 127, else a count of length bytes (top bit set), then those. */
function lengthOf(bytes: number): Buffer {
  if (bytes <= SHORT_LENGTH_MAX) return Buffer.from([bytes])
  return bytes <= 0xff ? Buffer.from([0x81, bytes]) : Buffer.from([0x82, bytes >> 8, bytes & 0xff])
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(PEM_LINE) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
