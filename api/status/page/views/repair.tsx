/** What still has to be copied, how fast, and who may wait. */
import type { ClusterStatus } from '../../../../node/status/status-types.ts'
import { Chart } from '../chart.tsx'
import { Lead, type Sentence } from '../lead.tsx'
import { LoopTable, setLoop } from '../loop-table.tsx'
import type { Shown } from '../shown.ts'
import { bytes, count, countOf } from '../words.ts'

const REPAIR_LOOPS = ['updater', 'healer']
const OTHER_LOOPS = [
  'reaper',
  'object-reaper',
  'task-reaper',
  'scrubber',
  'name-reaper',
  'tombstone-reaper',
  'vote-auditor',
  'record-auditor',
  'chunk-reaper',
  'segment-reaper',
  'cache-keeper',
]

export function Repair(shown: Shown) {
  const { status, isStale, backlog } = shown
  const answering = status.nodes.filter(({ loops }) => loops)
  const arePaused = answering.some(({ loops }) =>
    loops?.some(({ name, state }) => name === 'updater' && state === 'paused'),
  )
  const pauseAll = (paused: boolean) => {
    for (const node of answering)
      void setLoop(node, 'updater', { paused }, shown, paused ? 'paused' : 'resumed')
  }
  return (
    <>
      <Lead {...sentenceOf(status)}>
        <button type="button" disabled={isStale} onClick={() => pauseAll(!arePaused)}>
          {arePaused ? 'Resume copying on every node' : 'Pause copying on every node'}
        </button>
      </Lead>
      <section aria-labelledby="backlog-title">
        <h2 id="backlog-title">
          Bytes to copy <small>since this page was opened</small>
        </h2>
        {backlog.length > 1 ? (
          <Chart
            times={backlog.map(({ atMs }) => atMs / 1000)}
            lines={[{ label: 'to copy', values: backlog.map((point) => point.bytes) }]}
            label={`Bytes to copy: now ${bytes(backlog.at(-1)?.bytes)}`}
          />
        ) : (
          <p class="empty">The line begins with the second look at the cluster.</p>
        )}
      </section>
      <section aria-labelledby="repair-title">
        <h2 id="repair-title">Who copies</h2>
        <p class="hint">
          The updater brings what belongs on its node, the healer replaces damaged chunks at once. Both step
          back while clients are busy. A pause or a rate ends with a restart of the node.
        </p>
        <LoopTable shown={shown} names={REPAIR_LOOPS} caption="Updaters and healers" />
      </section>
      <details>
        <summary>Everything else that runs in the background</summary>
        <LoopTable shown={shown} names={OTHER_LOOPS} caption="Other background loops" />
      </details>
    </>
  )
}

function sentenceOf({ redundancy, nodes }: ClusterStatus): Sentence {
  if (!redundancy) return { sentence: 'What has to be copied is not known here yet.', tone: 'unknown' }
  const { images, bytes: left } = redundancy.toCopy
  const silent = nodes.filter(({ state }) => state !== 'alive').length
  if (images > 0)
    return { sentence: `${countOf(images, 'image')} to complete, ${bytes(left)} to copy.`, tone: 'warning' }
  if (silent > 0)
    return {
      sentence: `Nodes that answer lack nothing; what ${count(silent)} silent ${silent === 1 ? 'node lacks' : 'nodes lack'} is unknown.`,
      tone: 'unknown',
    }
  return { sentence: 'Nothing to copy: every node has what belongs on it.', tone: 'good' }
}
