/** What happened lately, by day. */
import { useState } from 'preact/hooks'
import type { EventsDocument } from '../../../../node/status/cluster-history.ts'
import type { SeenEvent } from '../../../../node/status/event-log.ts'
import { EventRows } from '../event-rows.tsx'
import { useLive } from '../live.ts'
import type { Shown } from '../shown.ts'
import { dayOf, nodeName } from '../words.ts'

const EVERY_MS = 5000

export function Events(shown: Shown) {
  const { document, failure } = useLive<EventsDocument>('/v1/cluster/events?limit=500', EVERY_MS)
  const [onlyTrouble, setOnlyTrouble] = useState(false)
  if (!document) return <p class="empty">{failure ? failure.message : 'Asking the nodes…'}</p>
  const events = document.events.filter(
    ({ severity }) => !onlyTrouble || severity === 'warning' || severity === 'critical',
  )
  const days = new Map<string, SeenEvent[]>()
  for (const event of events) days.set(dayOf(event.at), [...(days.get(dayOf(event.at)) ?? []), event])
  return (
    <>
      <div class="tools">
        <label>
          <input
            type="checkbox"
            checked={onlyTrouble}
            onChange={({ currentTarget }) => setOnlyTrouble(currentTarget.checked)}
          />
          Only warnings and worse
        </label>
        <p class="quiet">
          Each node keeps its last 500 in memory since it started. Checks are noted while somebody looks.
        </p>
      </div>
      {document.silent.length > 0 ? (
        <p class="notice tone-unknown">
          What {document.silent.map((id) => nodeName(shown.status.nodes, id)).join(', ')} saw is unknown: no
          answer.
        </p>
      ) : null}
      {events.length === 0 ? <p class="empty">Nothing of the kind.</p> : null}
      {[...days].map(([day, some]) => (
        <section key={day} aria-label={day}>
          <h2>{day}</h2>
          <EventRows events={some} shown={shown} />
        </section>
      ))}
    </>
  )
}
