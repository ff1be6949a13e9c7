/** Every member, and what it says of itself. */
import { useState } from 'preact/hooks'
import type { NodeStatus } from '../../../../node/status/status-types.ts'
import { DrainDialog, DrainNotice, undrain } from '../drain-dialog.tsx'
import { Meter, nodeTone, nodeWord, Sign } from '../marks.tsx'
import type { Shown } from '../shown.ts'
import { bytes, count, countOf, seconds, shortId, UNKNOWN } from '../words.ts'

/** Clients notice an event loop that is held up for longer. */
const LATE_MS = 200

export function Nodes(shown: Shown) {
  const [leaving, setLeaving] = useState<NodeStatus | null>(null)
  return (
    <>
      <div class="node-cards">
        {shown.status.nodes.map((node) => (
          <NodeCard key={node.id} node={node} shown={shown} onDrain={() => setLeaving(node)} />
        ))}
      </div>
      <DrainDialog node={leaving} shown={shown} onClose={() => setLeaving(null)} />
    </>
  )
}

interface NodeCardProps {
  node: NodeStatus
  shown: Shown
  /** Asks whether it shall be drained. */
  onDrain: () => void
}

function NodeCard({ node, shown, onDrain }: NodeCardProps) {
  const isOut = shown.status.out.out.includes(node.id)
  const { id, address, role, zone, state } = node
  const title = `node-${id}`
  return (
    <section class="node-card" aria-labelledby={title}>
      <header>
        <h2 id={title}>{address}</h2>
        <Sign tone={nodeTone(node)}>
          {nodeWord(node)}
          {isOut ? ', others stand in' : ''}
        </Sign>
        <p class="quiet">
          {role}
          {zone ? ` in ${zone}` : ''} ·{' '}
          <span class="mono" title={id}>
            {shortId(id)}
          </span>
        </p>
      </header>
      <DiskMeter node={node} />
      {node.drain ? <DrainNotice drain={node.drain} /> : null}
      {state === 'alive' ? <NodeFacts node={node} /> : <NoFacts state={state} />}
      <div class="actions">
        {node.drain ? (
          <button
            type="button"
            disabled={shown.isStale}
            aria-label={`Undrain ${address}`}
            onClick={() => void undrain(node, shown)}
          >
            Undrain
          </button>
        ) : (
          <button type="button" disabled={shown.isStale} aria-label={`Drain ${address}`} onClick={onDrain}>
            Drain…
          </button>
        )}
      </div>
    </section>
  )
}

function NoFacts({ state }: Pick<NodeStatus, 'state'>) {
  return (
    <p class="notice tone-unknown">
      It does not answer, so nothing is known of what it holds.{' '}
      {state === 'dead' ? 'The others have given up waiting for it.' : 'It may be back soon.'}
    </p>
  )
}

function NodeFacts({ node }: { node: NodeStatus }) {
  const { eventLoopDelay, integrity, store, loops } = node
  const paused = (loops ?? []).filter((loop) => loop.state === 'paused').map(({ name }) => name)
  const failed = (loops ?? []).filter((loop) => loop.state === 'failed').map(({ name }) => name)
  const isLate = (eventLoopDelay?.p99Ms ?? 0) > LATE_MS
  return (
    <dl class="node-facts">
      <Fact name="Up for">{seconds(node.uptimeSeconds)}</Fact>
      <Fact name="Release">
        {node.version ?? UNKNOWN} <span class="quiet">BLAKE3 {node.hashing ?? UNKNOWN}</span>
      </Fact>
      <Fact name="Images in full">{count(node.imagesHeld)}</Fact>
      <Fact name="Damaged chunks">
        {integrity ? (
          <Sign tone={integrity.quarantined > 0 ? 'corrupt' : 'good'}>{count(integrity.quarantined)}</Sign>
        ) : (
          UNKNOWN
        )}
      </Fact>
      <Fact name="Disk">
        {store === null ? (
          UNKNOWN
        ) : store.failure ? (
          <Sign tone="critical">refuses writes: {store.failure}</Sign>
        ) : store.isFull ? (
          <Sign tone="critical">full: takes no more image data</Sign>
        ) : (
          <Sign tone="good">takes writes</Sign>
        )}
      </Fact>
      <Fact name="Event loop, p99">
        {eventLoopDelay ? (
          <Sign tone={isLate ? 'warning' : 'good'}>{Math.round(eventLoopDelay.p99Ms)} ms</Sign>
        ) : (
          UNKNOWN
        )}
      </Fact>
      <Fact name="Background">
        {paused.length > 0 ? <Sign tone="warning">paused: {paused.join(', ')}</Sign> : null}
        {failed.length > 0 ? <Sign tone="critical">failed: {failed.join(', ')}</Sign> : null}
        {paused.length + failed.length === 0 ? (
          <Sign tone="good">{countOf(loops?.length ?? 0, 'loop')} run</Sign>
        ) : null}
      </Fact>
      <Fact name="API">
        <span class="mono">{node.api ?? UNKNOWN}</span>
      </Fact>
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** What images take, what else is on the disk, and what is kept free. */
export function DiskMeter({ node }: { node: NodeStatus }) {
  const { totalBytes, freeBytes, storedBytes, store } = node
  if (totalBytes === null || freeBytes === null || storedBytes === null || totalBytes === 0)
    return (
      <div class="disk">
        <Meter
          parts={[{ share: 1, tone: 'unknown', label: UNKNOWN }]}
          label="How full its disk is, is unknown"
        />
        <p class="small tone-unknown">disk unknown</p>
      </div>
    )
  const used = Math.max(0, totalBytes - freeBytes)
  const stored = Math.min(storedBytes, used)
  const label = `${bytes(stored)} images, ${bytes(used - stored)} other, ${bytes(freeBytes)} free of ${bytes(totalBytes)}`
  return (
    <div class="disk">
      <Meter
        parts={[
          { share: stored / totalBytes, tone: store?.isFull ? 'critical' : 'stored', label: 'images' },
          { share: (used - stored) / totalBytes, tone: 'used', label: 'other' },
        ]}
        tick={1 - (store?.freeBytesMin ?? 0) / totalBytes}
        label={label}
      />
      <p class="small quiet">
        <b>{bytes(stored)}</b> images · {bytes(used - stored)} other · <b>{bytes(freeBytes)}</b> free of{' '}
        {bytes(totalBytes)}
      </p>
    </div>
  )
}
