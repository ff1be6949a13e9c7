/** `serac status --watch`: looks again and again, until somebody interrupts. */
import { sleep, type Clock } from '../../cluster/runtime.ts'
import type { CliIo } from './cli-io.ts'
import { printStatus } from './status.ts'
import type { StatusFormat } from './status-view.ts'

export interface WatchOptions {
  format: StatusFormat
  everyMs: number
}

/** Cursor to the upper left corner; all below is erased when the new picture is there, so that nothing flickers. */
const HOME = '\u001B[H'
const ERASE_BELOW = '\u001B[J'
const ERASE_LINE = '\u001B[K'

/**
 * On a terminal each look takes the place of the last; else one follows the other. Resolves with the exit code of the last
 * look when `stop` is aborted.
 */
export async function watchStatus(
  url: string,
  { format, everyMs }: WatchOptions,
  io: Pick<CliIo, 'print' | 'complain' | 'isTerminal'>,
  { clock, stop }: { clock: Clock; stop: AbortSignal },
): Promise<number> {
  if (io.isTerminal) io.print(HOME + ERASE_BELOW)
  for (;;) {
    const exitCode = await look(url, format, io)
    const isOver = await sleep(clock, everyMs, stop).then(
      () => false,
      () => true,
    )
    if (isOver) return exitCode
  }
}

async function look(
  url: string,
  format: StatusFormat,
  io: Pick<CliIo, 'print' | 'complain' | 'isTerminal'>,
): Promise<number> {
  let shown = ''
  const take = (text: string) => (shown += text)
  const exitCode = await printStatus(url, format, { print: take, complain: take })
  if (io.isTerminal) io.print(HOME + shown.replaceAll('\n', `${ERASE_LINE}\n`) + ERASE_BELOW)
  else io.print(format === 'table' ? `${shown}\n` : shown)
  return exitCode
}
