/** How the cluster is, in one sentence; what is wrong, and what to do about it. */
import type { EventsDocument } from '../../../../node/status/cluster-history.ts'
import type { ClusterStatus, FallThrough, Verdict } from '../../../../node/status/status-types.ts'
import { CheckList } from '../check-list.tsx'
import { damageOn } from '../damage.ts'
import { EventRows } from '../event-rows.tsx'
import { Figure } from '../figure.tsx'
import { useLive } from '../live.ts'
import {
  Meter,
  nodeTone,
  nodeWord,
  Sign,
  ToneMark,
  verdictTone,
  type MeterPart,
  type Tone,
} from '../marks.tsx'
import type { Shown } from '../shown.ts'
import { ago, bytes, count, countOf, UNKNOWN } from '../words.ts'

const EVENTS_EVERY_MS = 10_000
const EVENTS_SHOWN = 8

const SENTENCES: Readonly<Record<Verdict, string>> = {
  HEALTHY: 'Everything is safe.',
  DEGRADED: 'Everything works, with less safety than there should be.',
  'READ-ONLY': 'Images can be read; nothing can be changed.',
  CRITICAL: 'Something is lost, or about to be.',
}

export function Overview(shown: Shown) {
  const { status, isStale } = shown
  const events = useLive<EventsDocument>(`/v1/cluster/events?limit=${EVENTS_SHOWN}`, EVENTS_EVERY_MS)
  return (
    <>
      <section class="verdict" aria-label="Verdict">
        <p class={`verdict-line tone-${isStale ? 'unknown' : verdictTone(status.verdict)}`}>
          <ToneMark tone={isStale ? 'unknown' : verdictTone(status.verdict)} />
          {isStale ? 'Nobody knows at the moment.' : SENTENCES[status.verdict]}
        </p>
        <p class="verdict-summary">{status.summary}</p>
      </section>
      <Figures status={status} />
      <Redundancy status={status} />
      <div class="columns">
        <section aria-labelledby="checks-title">
          <h2 id="checks-title">Checks</h2>
          <CheckList {...shown} />
        </section>
        <div>
          <section aria-labelledby="nodes-title">
            <h2 id="nodes-title">Nodes</h2>
            <NodeList status={status} />
          </section>
          <section aria-labelledby="lately-title">
            <h2 id="lately-title">
              Lately <a href="#events">all events</a>
            </h2>
            {events.document ? <EventRows events={events.document.events} shown={shown} isBrief /> : null}
          </section>
        </div>
      </div>
    </>
  )
}

function Figures({ status }: { status: ClusterStatus }) {
  const { nodes, quorum, redundancy, images, oldGlance } = status
  const up = nodes.filter(({ state }) => state === 'alive').length
  const { damaged, silent } = damageOn(nodes)
  const rooms = nodes.flatMap(({ freeBytes, store }) =>
    freeBytes === null ? [] : [Math.max(0, freeBytes - (store?.freeBytesMin ?? 0))],
  )
  const isUnknown = redundancy === null
  const silence = `${countOf(silent, 'node')} unknown`
  const copying = isUnknown ? 0 : redundancy.toCopy.bytes
  return (
    <dl class="figures">
      <Figure name="Nodes up" tone={up < nodes.length ? 'critical' : null}>
        {up}
        <small> of {nodes.length}</small>
      </Figure>
      <Figure
        name="Voters"
        tone={quorum.canWrite ? null : 'critical'}
        word={`${quorum.needed} needed to write`}
      >
        {quorum.votersUp}
        <small> of {quorum.votersTotal}</small>
      </Figure>
      <Figure
        name="Images"
        tone={images ? null : 'unknown'}
        word={images ? `${count(images.active)} active` : ''}
      >
        {count(images?.total)}
      </Figure>
      <Figure
        name="Copies, at least"
        tone={isUnknown ? 'unknown' : redundancy.copiesMin === 0 ? 'critical' : null}
        word="of any image"
      >
        {isUnknown ? UNKNOWN : (redundancy.copiesMin ?? '–')}
      </Figure>
      <Figure
        name="To copy"
        tone={copying > 0 ? 'warning' : isUnknown || silent > 0 ? 'unknown' : null}
        word={silent > 0 ? silence : isUnknown ? '' : countOf(redundancy.toCopy.images, 'image')}
      >
        {isUnknown ? UNKNOWN : bytes(redundancy.toCopy.bytes)}
      </Figure>
      <Figure
        name="Damaged chunks"
        tone={damaged > 0 ? 'corrupt' : silent > 0 ? 'unknown' : null}
        word={silent > 0 ? silence : 'on all nodes'}
      >
        {count(damaged)}
      </Figure>
      <Figure
        name="Room left"
        tone={rooms.length === 0 ? 'unknown' : Math.min(...rooms) === 0 ? 'critical' : null}
        word={silent > 0 ? silence : 'on the fullest node'}
      >
        {rooms.length === 0 ? UNKNOWN : bytes(Math.min(...rooms))}
      </Figure>
      {oldGlance ? <OldGlance oldGlance={oldGlance} nowMs={Date.parse(status.as_of)} /> : null}
    </dl>
  )
}

/** While images are moved here: how much the one that they come from is still asked. */
function OldGlance({ oldGlance, nowMs }: { oldGlance: FallThrough; nowMs: number }) {
  const { answers, requests, lastRequestAt, countedSince } = oldGlance
  const last =
    lastRequestAt === null ? `since ${ago(countedSince, nowMs)}` : `the last ${ago(lastRequestAt, nowMs)}`
  return (
    <Figure
      name="From the old Glance"
      tone={answers ? null : 'warning'}
      word={answers ? last : 'it does not answer every node'}
    >
      {countOf(requests, 'request')}
    </Figure>
  )
}

function Redundancy({ status: { redundancy } }: { status: ClusterStatus }) {
  if (!redundancy)
    return (
      <p class="notice tone-unknown">
        This node has not caught up yet: which images there are, and how many copies, is not known here.
      </p>
    )
  const { full, underReplicated, unavailable, unknown } = redundancy
  const total = full + underReplicated + unavailable + unknown
  const all: { word: string; amount: number; tone: Tone }[] = [
    { word: 'with every copy', amount: full, tone: 'good' },
    { word: 'lack a copy', amount: underReplicated, tone: 'warning' },
    { word: 'held in full by nobody', amount: unavailable, tone: 'critical' },
    { word: 'unknown', amount: unknown, tone: 'unknown' },
  ]
  const parts: MeterPart[] = all.map(({ word, amount, tone }) => ({
    tone,
    share: total === 0 ? 0 : amount / total,
    label: word,
  }))
  return (
    <section class="redundancy" aria-label="Copies of all images with data">
      <Meter parts={parts} label={all.map(({ word, amount }) => `${amount} ${word}`).join(', ')} />
      <ul class="legend">
        {all.map(({ word, amount, tone }) => (
          <li key={word} class={amount === 0 ? 'quiet' : ''}>
            <Sign tone={amount === 0 ? 'quiet' : tone}>
              <b>{count(amount)}</b>&nbsp;{word}
            </Sign>
          </li>
        ))}
      </ul>
    </section>
  )
}

function NodeList({ status }: { status: ClusterStatus }) {
  return (
    <ul class="node-list">
      {status.nodes.map((node) => (
        <li key={node.id}>
          <span class="node-list-name">
            <ToneMark tone={nodeTone(node)} />
            {node.address}
          </span>
          <span class={nodeTone(node) === 'good' ? '' : `tone-${nodeTone(node)}`}>{nodeWord(node)}</span>
          <span class="quiet number">{node.freeBytes === null ? '' : `${bytes(node.freeBytes)} free`}</span>
        </li>
      ))}
    </ul>
  )
}
