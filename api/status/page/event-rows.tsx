/** Events, one line each. */
import type { SeenEvent } from '../../../node/status/event-log.ts'
import { ToneMark } from './marks.tsx'
import type { Shown } from './shown.ts'
import { ago, clockTime, nodeName, withNames } from './words.ts'

export interface EventRowsProps {
  events: readonly SeenEvent[]
  shown: Pick<Shown, 'status' | 'now'>
  /** For a narrow place: how long ago, and no more than what happened. */
  isBrief?: boolean
}

export function EventRows({ events, shown, isBrief = false }: EventRowsProps) {
  const { status, now } = shown
  if (events.length === 0) return <p class="empty">Nothing has happened since the nodes started.</p>
  return (
    <ol class={isBrief ? 'events brief' : 'events'}>
      {events.map((event) => {
        const { at, kind, who, text, seenBy, severity } = event
        return (
          <li key={`${at} ${kind} ${who ?? ''} ${text}`}>
            <time dateTime={at} title={new Date(at).toLocaleString('en-GB')}>
              {isBrief ? ago(at, now) : clockTime(at)}
            </time>
            <ToneMark tone={severity} />
            {isBrief ? null : <span class="code">{kind}</span>}
            <span>
              {who ? <span class="subject">{nodeName(status.nodes, who)}</span> : null}{' '}
              <span>{withNames(text, status)}</span>
              {event.count > 1 ? <span class="quiet"> {event.count} times</span> : null}
            </span>
            {isBrief ? null : (
              <span class="quiet seen-by">
                seen by {seenBy.map((id) => nodeName(status.nodes, id)).join(', ')}
              </span>
            )}
          </li>
        )
      })}
    </ol>
  )
}
