/** The frame of the page: where one is, how the cluster is, and how old that is. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { ClusterStatus } from '../../../node/status/status-types.ts'
import { withPoint, type BacklogPoint } from './backlog.ts'
import { STALE_AFTER_MS, useLive, useNow } from './live.ts'
import { Sign, verdictTone, type Tone } from './marks.tsx'
import { MuteDialog } from './mute-dialog.tsx'
import { SignIn } from './sign-in.tsx'
import { ThemeSwitch } from './theme-switch.tsx'
import type { MuteSubject, Shown } from './shown.ts'
import { isBackend, stateOf } from './store-state.ts'
import { bytes, count, seconds, shortId, withoutCommonPort } from './words.ts'
import { Capacity } from './views/capacity.tsx'
import { Events } from './views/events.tsx'
import { Images } from './views/images.tsx'
import { Nodes } from './views/nodes.tsx'
import { Overview } from './views/overview.tsx'
import { Repair } from './views/repair.tsx'
import { Scrub } from './views/scrub.tsx'
import { Stores } from './views/stores.tsx'

const VIEWS = {
  overview: { title: 'Overview', view: Overview },
  nodes: { title: 'Nodes', view: Nodes },
  images: { title: 'Images', view: Images },
  stores: { title: 'Stores', view: Stores },
  repair: { title: 'Repair', view: Repair },
  scrub: { title: 'Scrub', view: Scrub },
  capacity: { title: 'Capacity', view: Capacity },
  events: { title: 'Events', view: Events },
} as const
type ViewName = keyof typeof VIEWS

const STATUS_EVERY_MS = 4000
/** What came of something stays to be read for so long. */
const SAID_MS = 8000

export function App() {
  const live = useLive<ClusterStatus>('/v1/cluster/status', STATUS_EVERY_MS)
  const now = useNow()
  const name = useViewName()
  const [said, say] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => say(''), SAID_MS)
    return () => clearTimeout(timer)
  }, [said])
  const [muting, setMuting] = useState<MuteSubject | null>(null)
  const [backlog, setBacklog] = useState<readonly BacklogPoint[]>([])
  const { document, failure, receivedMs, refresh } = live
  const status = useMemo(
    () => document && { ...document, nodes: withoutCommonPort(document.nodes) },
    [document],
  )
  useEffect(() => {
    if (status) setBacklog((points) => withPoint(points, status))
  }, [status])
  if (failure?.status === 401) return <SignIn onDone={refresh} />
  if (!status) return <p class="boot">{failure ? failure.message : 'Asking the node…'}</p>
  const ageMs = Math.max(0, now - receivedMs)
  const isStale = ageMs > STALE_AFTER_MS
  const shown: Shown = { status, now, isStale, backlog, refresh, say, mute: setMuting }
  const { title, view: View } = VIEWS[name]
  return (
    <div class={`frame${isStale ? ' stale' : ''}`}>
      <a class="skip" href="#main" onClick={skipToMain}>
        Skip to the content
      </a>
      <header class="rail">
        <p class="wordmark">
          <Peak />
          Serac
        </p>
        <Navigation current={name} status={status} />
        <Facts status={status} />
      </header>
      <main id="main" tabIndex={-1}>
        <div class="bar">
          <Heading title={title} />
          <p class="bar-verdict" aria-live="polite">
            <Sign tone={isStale ? 'unknown' : verdictTone(status.verdict)}>
              {isStale ? 'UNKNOWN' : status.verdict}
            </Sign>
          </p>
          <p class="age">
            {isStale ? `no answer for ${seconds(ageMs / 1000)}` : `as of ${seconds(ageMs / 1000)} ago`}
          </p>
        </div>
        {isStale ? <StaleNotice reason={failure?.message ?? 'The node is slow to answer.'} /> : null}
        <View {...shown} />
      </main>
      <p class="said" role="status">
        {said}
      </p>
      <MuteDialog subject={muting} shown={shown} onClose={() => setMuting(null)} />
    </div>
  )
}

function skipToMain(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

/** Takes the focus when the view changes, so that whoever listens hears where they are. */
function Heading({ title }: { title: string }) {
  const heading = useRef<HTMLHeadingElement>(null)
  const isFirst = useRef(true)
  useEffect(() => {
    document.title = `${title} · Serac`
    if (!isFirst.current) heading.current?.focus()
    isFirst.current = false
  }, [title])
  return (
    <h1 ref={heading} tabIndex={-1}>
      {title}
    </h1>
  )
}

function StaleNotice({ reason }: { reason: string }) {
  return (
    <p class="notice tone-unknown" role="alert">
      {reason} What is shown below is old, and how the cluster is now is not known. Ask another node, or wait:
      the page tries again.
    </p>
  )
}

function Navigation({ current, status }: { current: ViewName; status: ClusterStatus }) {
  return (
    <nav aria-label="Views">
      <ul>
        {Object.entries(VIEWS).map(([name, { title }]) => {
          const note = noteFor(name as ViewName, status)
          return (
            <li key={name}>
              <a href={`#${name}`} aria-current={name === current ? 'page' : undefined}>
                {title}
                {note ? <span class={`note tone-${note.tone}`}>{note.text}</span> : null}
              </a>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}

/** What of a view one should know without going there. */
function noteFor(name: ViewName, status: ClusterStatus): { text: string; tone: Tone } | null {
  const { nodes, checks, images, redundancy } = status
  const up = nodes.filter(({ state }) => state === 'alive').length
  const open = checks.filter(({ muted }) => !muted).length
  const damaged = nodes.reduce((sum, { integrity }) => sum + (integrity?.quarantined ?? 0), 0)
  const toCopy = redundancy?.toCopy.bytes ?? 0
  const isFull = nodes.some(({ store }) => store?.isFull)
  switch (name) {
    case 'overview':
      return open > 0 ? { text: count(open), tone: 'warning' } : null
    case 'nodes':
      return { text: `${up}/${nodes.length}`, tone: up < nodes.length ? 'critical' : 'quiet' }
    case 'images':
      return images ? { text: count(images.total), tone: 'quiet' } : { text: '?', tone: 'unknown' }
    case 'stores':
      return noteOfStores(status)
    case 'repair':
      return toCopy > 0 ? { text: bytes(toCopy), tone: 'warning' } : null
    case 'scrub':
      return damaged > 0 ? { text: count(damaged), tone: 'corrupt' } : null
    case 'capacity':
      return isFull ? { text: 'full', tone: 'critical' } : null
    case 'events':
      return null
  }
}

function noteOfStores({ stores, nodes }: ClusterStatus): { text: string; tone: Tone } | null {
  if (!stores) return { text: '?', tone: 'unknown' }
  const tones = stores.filter(isBackend).map((store) => stateOf(store, nodes).tone)
  const faulty = tones.filter((tone) => tone === 'critical' || tone === 'warning')
  if (faulty.length > 0)
    return { text: count(faulty.length), tone: faulty.includes('critical') ? 'critical' : 'warning' }
  return tones.includes('unknown') ? { text: '?', tone: 'unknown' } : null
}

function Facts({ status }: { status: ClusterStatus }) {
  const releases = [...new Set(status.nodes.flatMap(({ version }) => version ?? []))]
  return (
    <div class="facts">
      <dl>
        <div>
          <dt>Cluster</dt>
          <dd class="mono" title={status.clusterId}>
            {shortId(status.clusterId)}
          </dd>
        </div>
        <div>
          <dt>Epoch</dt>
          <dd>{status.epoch}</dd>
        </div>
        <div>
          <dt>Release</dt>
          <dd>{releases.join(', ')}</dd>
        </div>
      </dl>
      <ThemeSwitch />
    </div>
  )
}

/** The view is in the address, so that it can be linked to and the browser can go back. */
function useViewName(): ViewName {
  const [name, setName] = useState(nameInAddress)
  useEffect(() => {
    const follow = () => setName(nameInAddress())
    window.addEventListener('hashchange', follow)
    // It may have changed since the first picture, while nobody was told of it.
    follow()
    return () => window.removeEventListener('hashchange', follow)
  }, [])
  return name
}

function nameInAddress(): ViewName {
  const name = location.hash.slice(1)
  return Object.hasOwn(VIEWS, name) ? (name as ViewName) : 'overview'
}

function Peak() {
  return (
    <svg viewBox="0 0 32 32" class="peak" aria-hidden="true">
      <path d="M4 28 12 6l5 9 3-4 8 17z" class="peak-shade" />
      <path d="M12 6l5 9-4 13H4z" class="peak-light" />
    </svg>
  )
}
