/** `serac events`: what happened lately, as all nodes saw it. */
import type { EventsDocument } from '../status/cluster-history.ts'
import { wordWrap } from '../config/word-wrap.ts'
import { type CliIo, EXIT_OK } from './cli-io.ts'
import { OperatorClient } from './operator-client.ts'
import { shortId, type StatusFormat } from './status-view.ts'

export interface EventFlags {
  url: string
  format: StatusFormat
  limit: number
}

const COLUMNS = 80
const INDENT = '  '

/** The newest come first. Throws an Error with what the node said, NotAskedError. */
export async function eventsCommand({ url, format, limit }: EventFlags, io: CliIo): Promise<number> {
  const document = await new OperatorClient(url).send('GET', `/v1/cluster/events?limit=${limit}`)
  io.print(renderEvents(document as EventsDocument, format))
  return EXIT_OK
}

/** value: time, kind and whom it is about, a line each, for scripts. */
export function renderEvents(document: EventsDocument, format: StatusFormat): string {
  const { events, silent } = document
  if (format === 'json') return `${JSON.stringify(document, null, 2)}\n`
  if (format === 'value') return events.map(({ at, kind, who }) => `${at} ${kind} ${who ?? '-'}\n`).join('')
  const lines = events.flatMap(({ at, severity, kind, who, text, count }) => [
    [at, severity, kind, ...(who === null ? [] : [shortened(who)]), ...(count > 1 ? [`×${count}`] : [])].join(
      ' ',
    ),
    ...wordWrap(text, COLUMNS - INDENT.length).map((line) => INDENT + line),
  ])
  if (events.length === 0) lines.push('Nothing has happened since the nodes have started.')
  if (silent.length > 0) {
    const names = silent.map(shortened).join(', ')
    lines.push(
      '',
      ...wordWrap(`What these nodes alone saw is not shown, as they do not answer: ${names}`, COLUMNS),
    )
  }
  return `${lines.join('\n')}\n`
}

/** Ids of images stay whole: they are asked for elsewhere. */
function shortened(id: string): string {
  return id.startsWith('12D3KooW') ? shortId(id) : id
}
