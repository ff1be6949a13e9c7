/**
 * The highest vote sequence seen of each database of each peer (R8). A peer that comes back with an older one has lost
 * votes; it asks the others what they have seen. Written with this node's own votes, so it costs no sync of its own.
 */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { VoterIdentity } from '../../cluster/register/storage.ts'
import type { WriteOp } from './database.ts'
import type { WitnessKey } from './register-rows.ts'
import type { Table } from './table.ts'

export class Witnesses {
  readonly #rows: Table<WitnessKey, number>
  /** By peer, then by database: a peer that was re-admitted has a new database, and the old one must stay known. */
  readonly #seen = new Map<NodeId, Map<string, number>>()
  /** Not written yet. At most one row per database of a peer. */
  readonly #fresh = new Map<string, WitnessKey>()
  /** In the batch that is being written. */
  readonly #underWay = new Map<string, WitnessKey>()

  constructor(rows: Table<WitnessKey, number>) {
    this.#rows = rows
  }

  /** A damaged row is passed over: the peer's next vote brings it back. */
  async load(): Promise<void> {
    for await (const row of this.#rows.scan()) {
      if (!row.damaged) this.#databasesOf(row.key.peer).set(row.key.dbUuid, row.value)
    }
  }

  note(peer: NodeId, { dbUuid, voteSequence }: VoterIdentity): void {
    const databases = this.#databasesOf(peer)
    if ((databases.get(dbUuid) ?? -1) >= voteSequence) return
    databases.set(dbUuid, voteSequence)
    this.#fresh.set(`${dbUuid} ${peer}`, { dbUuid, peer })
  }

  /** Every database seen of a peer, with its highest sequence. */
  of(peer: NodeId): VoterIdentity[] {
    return [...(this.#seen.get(peer) ?? [])].map(([dbUuid, voteSequence]) => ({ dbUuid, voteSequence }))
  }

  /** The rows that are not written yet, for a batch; the same again after one that failed. */
  takeFresh(): WriteOp[] {
    for (const [name, key] of this.#fresh) this.#underWay.set(name, key)
    this.#fresh.clear()
    return [...this.#underWay.values()].map((key) =>
      this.#rows.put(key, this.#databasesOf(key.peer).get(key.dbUuid) ?? 0),
    )
  }

  /** The batch is durable. */
  noteWritten(): void {
    this.#underWay.clear()
  }

  #databasesOf(peer: NodeId): Map<string, number> {
    let databases = this.#seen.get(peer)
    if (!databases) {
      databases = new Map()
      this.#seen.set(peer, databases)
    }
    return databases
  }
}
