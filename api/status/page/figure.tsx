/** Numbers that are looked at first, each with its name and a word on it. */
import type { ComponentChildren } from 'preact'
import { ToneMark, type Tone } from './marks.tsx'

interface FigureProps {
  name: string
  tone: Tone | null
  word?: string
  children: ComponentChildren
}

/** Within a `dl` of the class figures. */
export function Figure({ name, tone, word, children }: FigureProps) {
  return (
    <div class={tone ? `tone-${tone}` : ''}>
      <dt>{name}</dt>
      <dd>
        <span class="figure">
          {tone ? <ToneMark tone={tone} /> : null}
          {children}
        </span>
        <span class="figure-word">{word}</span>
      </dd>
    </div>
  )
}
