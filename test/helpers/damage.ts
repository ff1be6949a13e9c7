/** Damages files of a stopped node as a rotting disk does. */
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Database } from '../../node/store/database.ts'
import { locationRows } from '../../node/store/chunk-rows.ts'
import { Table } from '../../node/store/table.ts'

const FOOTER_BYTES = 48

/** Flips one bit of a file. */
export async function flipByte(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    if ((await file.read(byte, 0, 1, at)).bytesRead !== 1) throw new Error(`${path} has no byte ${at}`)
    await file.write(Uint8Array.of(byte.readUInt8(0) ^ 1), 0, 1, at)
  } finally {
    await file.close()
  }
}

/** Flips one bit in the value of the first row that says where a chunk is. */
export async function flipLocation(directory: string): Promise<void> {
  const database = await Database.open(join(directory, 'chunks'), { createIfMissing: false })
  try {
    const locations = new Table(database, locationRows)
    for await (const hash of locations.keys()) {
      const key = locations.storedKey(hash)
      const value = Buffer.from(database.get(key)!)
      value.writeUInt8(value.readUInt8(value.length - 2) ^ 1, value.length - 2)
      await database.write([{ type: 'put', key, value }])
      return
    }
    throw new Error(`there is no chunk in ${directory}`)
  } finally {
    await database.close()
  }
}

/** Flips one bit at the beginning of the index block of the largest table of a LevelDB. */
export async function flipTableIndex(database: string): Promise<void> {
  // LevelDB makes tables of its log when it is opened.
  await (await Database.open(database, { createIfMissing: false })).close()
  const tables = (await readdir(database)).filter((name) => name.endsWith('.ldb'))
  const sized = await Promise.all(
    tables.map(async (name) => ({
      path: join(database, name),
      size: (await stat(join(database, name))).size,
    })),
  )
  const largest = sized.toSorted((a, b) => b.size - a.size)[0]
  if (!largest) throw new Error(`there is no table in ${database}`)
  const footer = (await readFile(largest.path)).subarray(-FOOTER_BYTES)
  // Two handles of two variable-length numbers each: the metaindex block's, then the index block's.
  const numbers = varints(footer, 4)
  await flipByte(largest.path, numbers[2]!)
}

function varints(bytes: Buffer, count: number): number[] {
  const numbers: number[] = []
  for (let at = 0; numbers.length < count;) {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes.readUInt8(at++)
      value += (byte & 0x7f) * factor
      if (byte < 0x80) break
    }
    numbers.push(value)
  }
  return numbers
}
