/** Files of random bytes that are new to every store at each use, without writing all of them again. */
import { randomFillSync } from 'node:crypto'
import { open } from 'node:fs/promises'

const MIB = 1024 ** 2
/** Serac's chunks are four times as large: none stays as it was. */
const STRIDE_BYTES = MIB
const MARK_BYTES = 16

export class FreshFile {
  readonly path: string
  readonly sizeBytes: number

  private constructor(path: string, sizeBytes: number) {
    this.path = path
    this.sizeBytes = sizeBytes
  }

  static async create(path: string, sizeBytes: number): Promise<FreshFile> {
    const file = await open(path, 'w')
    const bytes = Buffer.alloc(MIB)
    for (let at = 0; at < sizeBytes; at += MIB)
      await file.write(randomFillSync(bytes), 0, Math.min(MIB, sizeBytes - at), at)
    await file.close()
    return new FreshFile(path, sizeBytes)
  }

  /** Changes some bytes of each MiB, and leaves nothing for the kernel to write while something is measured. */
  async refresh(): Promise<void> {
    const file = await open(this.path, 'r+')
    const mark = Buffer.alloc(MARK_BYTES)
    for (let at = 0; at + MARK_BYTES <= this.sizeBytes; at += STRIDE_BYTES)
      await file.write(randomFillSync(mark), 0, MARK_BYTES, at)
    await file.sync()
    await file.close()
  }
}
