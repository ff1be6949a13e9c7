/** The commands by which operators watch a cluster: status, events, and which checks shall not count. */
import { type Command, InvalidArgumentError } from 'commander'
import { systemClock } from '../../cluster/runtime.ts'
import type { CliIo } from './cli-io.ts'
import { withFormat, withUrl } from './cluster-commands.ts'
import { eventsCommand, type EventFlags } from './events.ts'
import { muteCommand, type MuteFlags, unmuteCommand } from './mutes.ts'
import { OperatorClient } from './operator-client.ts'
import { parseCount } from './parse-count.ts'
import { parseRate } from './parse-rate.ts'
import { parseDuration, parseSeconds } from './parse-time.ts'
import { scrubCommand, type ScrubFlags } from './scrub.ts'
import { printStatus } from './status.ts'
import type { StatusFormat } from './status-view.ts'
import { watchStatus } from './watch-status.ts'

type Finish = (exitCode: number) => void

interface StatusFlags {
  url: string
  format: StatusFormat
  watch?: true
  every: number
}

const EVENTS_DEFAULT = 50
/** Bytes a second: what a disk has left beside clients, and these come first anyway. */
const SCRUB_RATE_DEFAULT = 64 * 1024 ** 2
const EVENTS_MAX = 500
/** Each look asks every node. */
const EVERY_MS_MIN = 500

export function addWatchingCommands(program: Command, io: CliIo, finish: Finish): void {
  const status = program
    .command('status')
    .description(
      'Show how the cluster is. Exit code: 0 HEALTHY, 1 DEGRADED, 2 READ-ONLY, 3 CRITICAL, 4 it could not be asked.',
    )
    .option('-w, --watch', 'look again and again, until interrupted')
    .option('--every <time>', 'with --watch: how often, as in 2s', parseEvery, parseEvery('2s'))
  withFormat(withUrl(status)).action(async ({ url, format, watch, every }: StatusFlags) => {
    if (!watch) return finish(await printStatus(url, format, io))
    const stop = new AbortController()
    process.once('SIGINT', () => stop.abort())
    const options = { format, everyMs: every }
    finish(await watchStatus(url, options, io, { clock: systemClock, stop: stop.signal }))
  })
  const events = program
    .command('events')
    .description('Show what happened lately, the newest first, as all nodes saw it since they started.')
    .option('--limit <number>', `how many, up to ${EVENTS_MAX}`, parseCount(EVENTS_MAX), EVENTS_DEFAULT)
  withFormat(withUrl(events)).action(async (flags: EventFlags) => {
    finish(await eventsCommand(flags, io))
  })
  addScrub(program, io, finish)
  addMutes(program, io, finish)
}

function addScrub(program: Command, io: CliIo, finish: Finish): void {
  const scrub = program
    .command('scrub')
    .description(
      'Show how far each node has read its chunks back, or have all of them read now. Exit code: 0 nothing is damaged.',
    )
    .option(
      '--now',
      'read everything back, and wait for that; interrupted, the auditors go at their own pace again',
    )
    .option('--rate <rate>', 'with --now: how fast, a second and node', parseRate, SCRUB_RATE_DEFAULT)
    .option('--node <id...>', 'only these nodes: their ids, or how they end')
  withFormat(withUrl(scrub)).action(async ({ url, ...flags }: ScrubFlags & { url: string }) => {
    const stop = new AbortController()
    process.once('SIGINT', () => stop.abort())
    const terms = { clock: systemClock, stop: stop.signal }
    finish(await scrubCommand(new OperatorClient(url), flags, io, terms))
  })
}

function addMutes(program: Command, io: CliIo, finish: Finish): void {
  const mute = program
    .command('mute')
    .description('Let a check that is known not count for a while: neither for the verdict nor as an alert.')
    .argument('<code>', 'of the check, as "serac status" shows it')
    .argument('[who]', 'node or image it is about, or how its id ends; else all checks of that code')
    .option('--for <time>', 'for how long, as in 8h, 7d', parseSeconds, parseSeconds('8h'))
    .option('--reason <text>', 'why, for whoever looks next', '')
  withUrl(mute).action(
    async (
      code: string,
      who: string | undefined,
      { url, for: seconds, reason }: Omit<MuteFlags, 'seconds'> & { for: number },
    ) => finish(await muteCommand({ code, who }, { url, seconds, reason }, io)),
  )
  const unmute = program
    .command('unmute')
    .description('Let a muted check count again.')
    .argument('<code>', 'of the check')
    .argument('[who]', 'node or image it is about, or how its id ends; else all checks of that code')
  withUrl(unmute).action(async (code: string, who: string | undefined, { url }: { url: string }) => {
    finish(await unmuteCommand({ code, who }, url, io))
  })
}

function parseEvery(text: string): number {
  const everyMs = parseDuration(text)
  if (everyMs < EVERY_MS_MIN) throw new InvalidArgumentError('It must be 500ms or more.')
  return everyMs
}
