/** Asks for how long a check shall not count, and why. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { make } from './change.ts'
import type { MuteSubject, Shown } from './shown.ts'
import { nodeName } from './words.ts'

const HOUR_S = 3600
const SPANS: readonly { seconds: number; label: string }[] = [
  { seconds: HOUR_S, label: '1 hour' },
  { seconds: 8 * HOUR_S, label: '8 hours' },
  { seconds: 24 * HOUR_S, label: '1 day' },
  { seconds: 7 * 24 * HOUR_S, label: '7 days' },
]

export interface MuteDialogProps {
  subject: MuteSubject | null
  shown: Pick<Shown, 'status' | 'say' | 'refresh'>
  onClose: () => void
}

export function MuteDialog({ subject, shown, onClose }: MuteDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [span, setSpan] = useState(HOUR_S)
  const [reason, setReason] = useState('')
  useEffect(() => {
    if (subject) dialog.current?.showModal()
    else dialog.current?.close()
  }, [subject])
  const submit = (event: Event) => {
    event.preventDefault()
    if (subject) void setMute(subject, { seconds: span, reason }, shown)
    setReason('')
    onClose()
  }
  const about = subject?.who ? ` of ${nodeName(shown.status.nodes, subject.who)}` : ''
  return (
    <dialog ref={dialog} aria-labelledby="mute-title" onClose={onClose}>
      <form onSubmit={submit}>
        <h2 id="mute-title">
          Mute {subject?.code}
          {about}
        </h2>
        <p>
          It stays in the list and does not count for the verdict. Should it become critical, it counts all
          the same.
        </p>
        <fieldset class="choices">
          <legend>For how long</legend>
          {SPANS.map(({ seconds, label }) => (
            <label key={seconds}>
              <input type="radio" name="span" checked={span === seconds} onChange={() => setSpan(seconds)} />
              {label}
            </label>
          ))}
        </fieldset>
        <label class="field">
          Why (others will read it)
          <input
            type="text"
            maxLength={255}
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </label>
        <div class="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Mute
          </button>
        </div>
      </form>
    </dialog>
  )
}

/** `seconds` null: it counts again. */
export function setMute(
  { code, who }: MuteSubject,
  { seconds, reason }: { seconds: number | null; reason: string },
  shown: Pick<Shown, 'say' | 'refresh'>,
): Promise<void> {
  const body = { code, who, seconds, reason }
  const done = seconds === null ? `${code} counts again.` : `${code} is muted.`
  const failed = `${code} could not be muted`
  return make({ method: 'POST', path: '/v1/cluster/mutes', body, done, failed }, shown)
}
