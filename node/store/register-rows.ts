/** The rows of `meta/`, as they look on disk. Payloads are CBOR arrays; a ballot is [counter, nonce]. */
import { decodeCbor } from '../../cluster/cbor-decoder.ts'
import { encodeCbor } from '../../cluster/cbor-encoder.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { Ballot } from '../../cluster/register/ballot.ts'
import type { AcceptorState, ChangeCursor, ChangeEntry, LearnerRow } from '../../cluster/register/storage.ts'
import { KEYSPACES, type Keyspace } from './keyspaces.ts'
import type { RowFormat } from './table.ts'

type StoredBallot = [counter: number, nonce: string]

const SEQUENCE_BYTES = 8

/** Rows by text; `pack` and `unpack` translate between the value and what CBOR carries. */
function textRows<V, S>(
  space: Keyspace,
  pack: (value: V) => S,
  unpack: (stored: S) => V,
): RowFormat<string, V> {
  return {
    space,
    keyParts: (key) => [Buffer.from(key)],
    parseKey: (bytes) => bytes.toString(),
    encode: (value) => encodeCbor(pack(value)),
    decode: (payload) => unpack(decodeCbor(payload) as S),
  }
}

export const acceptorRows = textRows<
  AcceptorState,
  [promised: StoredBallot, accepted: [StoredBallot, digest: string, value: Uint8Array] | null]
>(
  KEYSPACES.acceptor,
  ({ promised, accepted }) => [
    packBallot(promised),
    accepted && [packBallot(accepted.ballot), accepted.digest, accepted.value],
  ],
  ([promised, accepted]) => ({
    promised: unpackBallot(promised),
    accepted: accepted && { ballot: unpackBallot(accepted[0]), digest: accepted[1], value: accepted[2] },
  }),
)

export const learnerRows = textRows<
  LearnerRow,
  [ballot: StoredBallot, digest: string, settled: boolean, value: Uint8Array]
>(
  KEYSPACES.learner,
  ({ ballot, digest, settled, value }) => [packBallot(ballot), digest, settled, value],
  ([ballot, digest, settled, value]) => ({ ballot: unpackBallot(ballot), digest, settled, value }),
)

export const cursorRows = textRows<ChangeCursor, [dbUuid: string, sequence: number]>(
  KEYSPACES.cursor,
  ({ dbUuid, sequence }) => [dbUuid, sequence],
  ([dbUuid, sequence]) => ({ dbUuid, sequence }),
)

/** Values that the owner of the store keeps by name, and the two below. */
export const singletonRows = textRows<unknown, unknown>(
  KEYSPACES.singleton,
  (value) => value,
  (stored) => stored,
)

export const changeRows: RowFormat<number, Omit<ChangeEntry, 'sequence'>> = {
  space: KEYSPACES.change,
  keyParts: (sequence) => [sequenceBytes(sequence)],
  parseKey: (bytes) => Number(bytes.readBigUInt64BE()),
  encode: ({ key, ballot }) => encodeCbor([key, packBallot(ballot)]),
  decode(payload) {
    const [key, ballot] = decodeCbor(payload) as [string, StoredBallot]
    return { key, ballot: unpackBallot(ballot) }
  },
}

/** One database of one peer. */
export interface WitnessKey {
  peer: NodeId
  /** 32 hex digits. */
  dbUuid: string
}

const DB_UUID_BYTES = 16

/** The value is the highest vote sequence seen. */
export const witnessRows: RowFormat<WitnessKey, number> = {
  space: KEYSPACES.witness,
  keyParts: ({ dbUuid, peer }) => [Buffer.from(dbUuid, 'hex'), Buffer.from(peer)],
  parseKey: (bytes) => ({
    dbUuid: bytes.toString('hex', 0, DB_UUID_BYTES),
    peer: bytes.toString('utf8', DB_UUID_BYTES),
  }),
  encode: (sequence) => encodeCbor(sequence),
  decode: (payload) => decodeCbor(payload) as number,
}

export function packBallot({ counter, nonce }: Ballot): StoredBallot {
  return [counter, nonce]
}

export function unpackBallot([counter, nonce]: StoredBallot): Ballot {
  return { counter, nonce }
}

function sequenceBytes(sequence: number): Buffer {
  const bytes = Buffer.alloc(SEQUENCE_BYTES)
  bytes.writeBigUInt64BE(BigInt(sequence))
  return bytes
}
