/** What is wrong, worst first: since when, why, and what to do. */
import type { Check } from '../../../node/status/status-types.ts'
import { checkTone, ToneMark } from './marks.tsx'
import { setMute } from './mute-dialog.tsx'
import type { Shown } from './shown.ts'
import { ago, nodeName, withNames } from './words.ts'

const ORDER: Readonly<Record<Check['severity'], number>> = { critical: 0, warning: 1, info: 2 }

export function CheckList(shown: Shown) {
  const checks = shown.status.checks.toSorted(
    (a, b) => Number(a.muted !== null) - Number(b.muted !== null) || ORDER[a.severity] - ORDER[b.severity],
  )
  if (checks.length === 0) return <p class="empty">Nothing to report.</p>
  return (
    <ol class="checks">
      {checks.map((check) => (
        <CheckRow key={`${check.code} ${check.who ?? ''}`} check={check} shown={shown} />
      ))}
    </ol>
  )
}

function CheckRow({ check, shown }: { check: Check; shown: Shown }) {
  const { status, now } = shown
  const { code, severity, who, why, remedy, since, muted } = check
  return (
    <li class={`check${muted ? ' muted' : ''}`}>
      <ToneMark tone={checkTone(check)} />
      <div>
        <h3>
          <span class="code">{code}</span>
          <span class="unseen">, {severity}</span>
          {who ? <span class="subject">{nodeName(status.nodes, who)}</span> : null}
          <time class="quiet" dateTime={since}>
            {ago(since, now)}
          </time>
        </h3>
        <p>{withNames(why, status)}</p>
        <p class="remedy">{withNames(remedy, status)}</p>
        {muted ? (
          <p class="small quiet">
            Muted until {new Date(muted.until).toLocaleString('en-GB')}
            {muted.reason ? `: ${muted.reason}` : ''}
          </p>
        ) : null}
      </div>
      <MuteButton check={check} shown={shown} />
    </li>
  )
}

function MuteButton({ check, shown }: { check: Check; shown: Shown }) {
  const { code, who, severity, muted } = check
  if (severity === 'critical') return null
  const about = who ? ` of ${nodeName(shown.status.nodes, who)}` : ''
  const verb = muted ? 'Unmute' : 'Mute'
  return (
    <button
      type="button"
      disabled={shown.isStale}
      aria-label={`${verb} ${code}${about}`}
      onClick={() =>
        muted ? void setMute(check, { seconds: null, reason: '' }, shown) : shown.mute({ code, who })
      }
    >
      {verb}
    </button>
  )
}
