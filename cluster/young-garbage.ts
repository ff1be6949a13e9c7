/**
 * Frees the memory of bytes that came from sockets and were copied to where they belong. Each piece that Node reads is a
 * buffer of its own, up to 64 KiB outside the heap. V8 looks for dead ones only when it has counted 32 MiB of them, and
 * then through the whole heap: 57 times a GiB, which took two fifths of all CPU time of an upload. They are young: a
 * look at what is young finds them, and takes under a millisecond.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Of V8, as `--expose-gc` shows it. */
type CollectGarbage = (options: { type: 'minor' }) => void

/** An eighth of what V8 lets pass; half of it, or twice as much, makes no difference. */
const COLLECTED_EVERY_BYTES = 4 * 1024 ** 2

/** Made when it is first needed: flags are those of all threads, and a worker that copies nothing must not touch them. */
let collectGarbage: CollectGarbage | null = null
let uncollectedBytes = 0

/**
 * Lets V8 collect young garbage on the thread that waits for it, for the whole process. Its default is to share half a
 * millisecond of work among helper threads; where the cores are busy, the event loop waits until each of them had its turn:
 * 3 ms a time and 10 at the worst, 250 times a GiB of an upload. For old garbage the helpers stay.
 */
export function collectWithoutHelpers(): void {
  for (const flag of ['--no-parallel-scavenge', '--no-concurrent-array-buffer-sweeping'])
    setFlagsFromString(flag)
}

/** To be called for every piece of a stream of bulk data, when nobody needs the piece itself any more. */
export function notePieceCopied(bytes: number): void {
  uncollectedBytes += bytes
  if (uncollectedBytes < COLLECTED_EVERY_BYTES) return
  uncollectedBytes = 0
  collectGarbage ??= exposedCollector()
  collectGarbage({ type: 'minor' })
}

/** Only contexts made while the flag is set have it. */
function exposedCollector(): CollectGarbage {
  setFlagsFromString('--expose-gc')
  const collector = runInNewContext('gc') as CollectGarbage
  setFlagsFromString('--no-expose-gc')
  return collector
}
