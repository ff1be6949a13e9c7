/** How far this node has followed the change log of each peer (R11), as it is on disk. */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { ChangeCursor } from '../../cluster/register/storage.ts'
import type { Table } from './table.ts'

export class LogCursors {
  readonly #rows: Table<NodeId, ChangeCursor>
  readonly #cursors = new Map<NodeId, ChangeCursor>()

  constructor(rows: Table<NodeId, ChangeCursor>) {
    this.#rows = rows
  }

  /** A damaged row is passed over: what it stood for is compared again. */
  async load(): Promise<void> {
    for await (const row of this.#rows.scan()) if (!row.damaged) this.#cursors.set(row.key, row.value)
  }

  of(peer: NodeId): ChangeCursor | null {
    return this.#cursors.get(peer) ?? null
  }

  peers(): NodeId[] {
    return [...this.#cursors.keys()]
  }

  /** A batch with these is durable; null: followed no further than the beginning. */
  publish(cursors: ReadonlyMap<NodeId, ChangeCursor | null>): void {
    for (const [peer, cursor] of cursors) {
      if (cursor) this.#cursors.set(peer, cursor)
      else this.#cursors.delete(peer)
    }
  }

  clear(): void {
    this.#cursors.clear()
  }
}
