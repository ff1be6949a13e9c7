/** Signs for states: each has a shape, a colour and a word of its own, so that none of them has to carry it alone. */
import type { ComponentChildren } from 'preact'
import type { MapState } from '../../../node/status/image-map.ts'
import type { Check, NodeStatus, Verdict } from '../../../node/status/status-types.ts'

export type Tone = 'good' | 'info' | 'warning' | 'critical' | 'corrupt' | 'unknown' | 'quiet'

const MAP_TONES: Readonly<Record<MapState, Tone>> = {
  full: 'good',
  partial: 'warning',
  missing: 'critical',
  corrupt: 'corrupt',
  unknown: 'unknown',
  none: 'quiet',
}

export const MAP_WORDS: Readonly<Record<MapState, string>> = {
  full: 'full',
  partial: 'partial',
  missing: 'missing',
  corrupt: 'corrupt',
  unknown: 'unknown',
  none: 'not placed here',
}

/** The shapes of the map, 16 by 16. */
const MAP_SHAPES: Readonly<Record<MapState, ComponentChildren>> = {
  full: <rect x="1" y="1" width="14" height="14" rx="3" class="fill" />,
  partial: (
    <>
      <rect x="1.75" y="1.75" width="12.5" height="12.5" rx="2.5" class="line" />
      <path d="M1.75 12V4.5A2.75 2.75 0 0 1 4.5 1.75H8v12.5H4.5A2.75 2.75 0 0 1 1.75 11.5z" class="fill" />
    </>
  ),
  missing: <rect x="1.75" y="1.75" width="12.5" height="12.5" rx="2.5" class="line" />,
  corrupt: (
    <>
      <rect x="1" y="1" width="14" height="14" rx="3" class="fill" />
      <path d="m5 5 6 6m0-6-6 6" class="cut" />
    </>
  ),
  unknown: (
    <>
      <rect x="1.75" y="1.75" width="12.5" height="12.5" rx="2.5" class="line dashed" />
      <path d="M6 6.2a2 2 0 1 1 3 1.7c-.7.4-1 .8-1 1.6m0 2v.1" class="line" />
    </>
  ),
  none: <circle cx="8" cy="8" r="1.5" class="fill" />,
}

export function MapMark({ state }: { state: MapState }) {
  return (
    <svg class={`mark map-mark tone-${MAP_TONES[state]}`} viewBox="0 0 16 16" aria-hidden="true">
      {MAP_SHAPES[state]}
    </svg>
  )
}

const TONE_SHAPES: Readonly<Record<Tone, ComponentChildren>> = {
  good: <circle cx="6" cy="6" r="5" class="fill" />,
  info: <circle cx="6" cy="6" r="4" class="line" />,
  warning: <path d="M6 1 11.2 10.5H.8z" class="fill" />,
  critical: <path d="M3.5.5h5l3 3v5l-3 3h-5l-3-3v-5z" class="fill" />,
  corrupt: <path d="m2 2 8 8m0-8-8 8" class="line" />,
  unknown: (
    <>
      <circle cx="6" cy="6" r="4.8" class="line dashed" />
      <circle cx="6" cy="6" r="1.4" class="fill" />
    </>
  ),
  quiet: <circle cx="6" cy="6" r="2" class="fill" />,
}

export function ToneMark({ tone }: { tone: Tone }) {
  return (
    <svg class={`mark tone-${tone}`} viewBox="0 0 12 12" aria-hidden="true">
      {TONE_SHAPES[tone]}
    </svg>
  )
}

/** A word with its sign. */
export function Sign({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`sign tone-${tone}`}>
      <ToneMark tone={tone} />
      {children}
    </span>
  )
}

export function nodeTone({ state, caughtUp }: Pick<NodeStatus, 'state' | 'caughtUp'>): Tone {
  if (state === 'alive') return caughtUp === false ? 'info' : 'good'
  return state === 'unknown' ? 'unknown' : state === 'suspect' ? 'warning' : 'critical'
}

export function nodeWord({ state, caughtUp }: Pick<NodeStatus, 'state' | 'caughtUp'>): string {
  return state === 'alive' && caughtUp === false ? 'catching up' : state
}

export function verdictTone(verdict: Verdict): Tone {
  return ({ HEALTHY: 'good', DEGRADED: 'warning', 'READ-ONLY': 'critical', CRITICAL: 'critical' } as const)[
    verdict
  ]
}

export function checkTone({ severity, muted }: Pick<Check, 'severity' | 'muted'>): Tone {
  return muted ? 'quiet' : severity
}

export interface MeterPart {
  share: number
  tone: Tone | 'stored' | 'used'
  label: string
}

/** A bar of parts of a whole; `label` says all of it in words. */
export function Meter({ parts, label, tick }: { parts: readonly MeterPart[]; label: string; tick?: number }) {
  let at = 0
  return (
    <svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="meter-ground" width="100" height="8" />
      {parts.map(({ share, tone }) => {
        const from = at
        at += share * 100
        return <rect class={`meter-part tone-${tone}`} x={from} width={Math.max(0, share * 100)} height="8" />
      })}
      {tick === undefined ? null : <rect class="meter-tick" x={tick * 100} width="0.6" height="8" />}
    </svg>
  )
}
