/** What a view says first: one sentence, in the tone of what it says. */
import type { ComponentChildren } from 'preact'
import { ToneMark, type Tone } from './marks.tsx'

export interface Sentence {
  sentence: string
  tone: Tone
}

/** `children`: what may be done about it. */
export function Lead({ sentence, tone, children }: Sentence & { children?: ComponentChildren }) {
  return (
    <section class="lead">
      <p class={`lead-line tone-${tone}`}>
        <ToneMark tone={tone} />
        {sentence}
      </p>
      {children}
    </section>
  )
}
