/** `root!<manifest root>!<image>` rows: which live images have these bytes. They follow from learner rows (architecture §4). */
import type { LearnerRow } from '../../cluster/register/storage.ts'
import type { WriteOp } from '../store/database.ts'
import { rootKey } from '../store/keyspaces.ts'
import { imageIdOf } from './image-operations.ts'
import { storedData } from './image-record.ts'
import { toKnown } from './image-registers.ts'

const EMPTY = Buffer.alloc(0)

/** The rows that change with a learner row. */
export function projectRoots(key: string, row: LearnerRow | null, before: LearnerRow | null): WriteOp[] {
  const id = imageIdOf(key)
  if (id === null) return []
  const old = before ? liveRoots(before) : []
  const now = row ? liveRoots(row) : []
  const gone = old.filter((root) => !now.includes(root))
  const fresh = now.filter((root) => !old.includes(root))
  return [
    ...gone.map((root): WriteOp => ({ type: 'del', key: rootKey(root, id) })),
    ...fresh.map((root): WriteOp => ({ type: 'put', key: rootKey(root, id), value: EMPTY })),
  ]
}

function liveRoots(row: LearnerRow): string[] {
  const { live, record } = toKnown(row.value)
  return live ? storedData(record).map(({ root }) => root) : []
}
