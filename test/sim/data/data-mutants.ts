/** Bugs of the data path, put in on purpose (architecture §9): a simulation that lets them live proves nothing. */
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { ClusterError } from '../../../cluster/errors.ts'
import { RECORD_HEADER_BYTES } from '../../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHash } from '../../../cluster/transfer/local-chunks.ts'
import { ChunkClaims } from '../../../node/store/chunk-claims.ts'
import { locationRows, type Location } from '../../../node/store/chunk-rows.ts'
import { recordBytes } from '../../../node/store/segment-record.ts'
import { Table } from '../../../node/store/table.ts'
import { overriding } from '../cluster/variant.ts'
import type { ChunkParts, DataVariant } from './data-variant.ts'

export interface DataMutant {
  name: string
  /** The rule that it breaks. */
  rule: string
  variant: DataVariant
}

/** Less than a slow upload takes. */
const PIN_MS_MAX = 300

export const dataMutants: readonly DataMutant[] = [
  {
    name: 'delete racing pin',
    rule: 'a delete holds the hash lock from its last look at the claims until its batch is durable',
    variant: {
      chunks: (chunks, parts) =>
        overriding(chunks, {
          removeUnclaimed: async (hash) => {
            const location = locationOf(parts, hash)
            if (!location || (await chunks.isClaimed(hash))) return false
            await forget(parts, hash, location)
            return true
          },
        }),
    },
  },
  {
    name: 'pin ended by time',
    rule: 'age makes a candidate; a pin is dropped after a majority read shows its upload fenced out',
    variant: {
      claims: (claims, { chunks, clock }) =>
        overriding(claims, {
          settleUploads: async () => {
            for (const { upload, pinnedMs } of await chunks.pinnedUploads())
              if (clock.wallMs() - pinnedMs > PIN_MS_MAX) await chunks.unpin(upload)
          },
        }),
    },
  },
  {
    name: 'have without reading',
    rule: 'a holder reads and hashes what it has before it says so',
    variant: {
      chunks: (chunks, { database, clock }) =>
        overriding(chunks, {
          have: async (hashes, pin) => {
            const held = hashes.filter((hash) => chunks.has(hash))
            const claims = new ChunkClaims(database, clock)
            await database.write(held.flatMap((hash) => claims.pin(hash, pin)))
            return hashes.map((hash) => held.includes(hash))
          },
        }),
    },
  },
  {
    name: 'reader against segment rewrite',
    rule: 'what reads wrong is looked up once more, under the hash lock: a rewrite may have moved it',
    variant: {
      chunks: (chunks, parts) =>
        overriding(chunks, {
          read: async (hash, into) => {
            const location = locationOf(parts, hash)
            if (!location) throw new ClusterError('CHUNK_MISSING', 'it is not here')
            const { segment, offset, length } = location
            const bytes = into.room.subarray(0, length)
            await parts.segments.read(segment, offset + RECORD_HEADER_BYTES, bytes).catch(() => 0)
            into.length = length
            if (contentHashHex(into.payload) === hash) return
            await forget(parts, hash, location)
            throw new ClusterError('CHUNK_DAMAGED', 'it is damaged')
          },
        }),
    },
  },
]

export function findDataMutant(name: string): DataMutant {
  const mutant = dataMutants.find((one) => one.name === name)
  if (mutant) return mutant
  throw new Error(`there is no such bug; there are: ${dataMutants.map((one) => one.name).join(', ')}`)
}

function locationOf({ database }: ChunkParts, hash: ChunkHash): Location | null {
  return new Table(database, locationRows).get(hash)
}

async function forget({ database, segments }: ChunkParts, hash: ChunkHash, from: Location): Promise<void> {
  await database.write([new Table(database, locationRows).del(hash)])
  segments.forget(from.segment, recordBytes(from.length))
}
