/** Shows what it takes to drain a node, and asks whether to; how far it has come. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { DeparturePlan } from '../../../node/status/departure-plan.ts'
import type { ImageSum } from '../../../node/status/image-sum.ts'
import type { NodeDrain, NodeStatus } from '../../../node/status/status-types.ts'
import { make } from './change.ts'
import { ask } from './operator-api.ts'
import type { Shown } from './shown.ts'
import { bytes, countOf, seconds, UNKNOWN, withNames } from './words.ts'

export interface DrainDialogProps {
  node: NodeStatus | null
  shown: Pick<Shown, 'status' | 'say' | 'refresh'>
  onClose: () => void
}

export function DrainDialog({ node, shown, onClose }: DrainDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [plan, setPlan] = useState<DeparturePlan | null>(null)
  const [failure, setFailure] = useState('')
  useEffect(() => {
    setPlan(null)
    setFailure('')
    if (!node) return dialog.current?.close()
    dialog.current?.showModal()
    let isOver = false
    ask<DeparturePlan>(`/v1/cluster/nodes/${node.id}/drain`).then(
      (found) => isOver || setPlan(found),
      (error: unknown) => isOver || setFailure((error as Error).message),
    )
    return () => {
      isOver = true
    }
  }, [node?.id])
  const submit = (event: Event) => {
    event.preventDefault()
    if (node) void drain(node, shown)
    onClose()
  }
  return (
    <dialog ref={dialog} aria-labelledby="drain-title" onClose={onClose}>
      <form onSubmit={submit}>
        <h2 id="drain-title">Drain {node?.address}</h2>
        <p>
          Its copies go to the other nodes, each when they have verified their own, and load balancers offer
          it no more requests. It keeps its vote. Nothing is lost, and it can be undone at any time.
        </p>
        {plan ? <PlanFacts plan={plan} shown={shown} /> : <p>{failure || 'Counting what has to move …'}</p>}
        <div class="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={!plan || plan.objections.length > 0}>
            Drain
          </button>
        </div>
      </form>
    </dialog>
  )
}

function PlanFacts({ plan, shown }: { plan: DeparturePlan; shown: Pick<Shown, 'status'> }) {
  return (
    <>
      <p>
        It holds {plan.held ? sumOf(plan.held) : UNKNOWN}. The others have to copy {sumOf(plan.toMove)}.
      </p>
      {plan.warnings.map((text) => (
        <p key={text} class="notice tone-warning">
          {withNames(text, shown.status)}.
        </p>
      ))}
      {plan.objections.map((text) => (
        <p key={text} class="notice tone-critical">
          Refused: {withNames(text, shown.status)}.
        </p>
      ))}
    </>
  )
}

/** How far a drained node has come. */
export function DrainNotice({ drain: { left, etaSeconds } }: { drain: NodeDrain }) {
  if (left?.images === 0)
    return <p class="notice">Drained: it holds no image data, and no requests are offered to it.</p>
  const time = etaSeconds === null ? '' : `, some ${seconds(etaSeconds)} to go`
  return (
    <p class="notice">
      Draining: {left ? sumOf(left) : `how much is ${UNKNOWN}`} left{time}.
    </p>
  )
}

function drain({ id, address }: NodeStatus, shown: DrainDialogProps['shown']): Promise<void> {
  const texts = { done: `${address} is being drained.`, failed: `${address} could not be drained` }
  return make({ method: 'PUT', path: `/v1/cluster/nodes/${id}/drain`, ...texts }, shown)
}

export function undrain(
  { id, address }: Pick<NodeStatus, 'id' | 'address'>,
  shown: Pick<Shown, 'say' | 'refresh'>,
): Promise<void> {
  const done = `${address} takes copies and requests again.`
  const failed = `${address} could not be undrained`
  return make({ method: 'DELETE', path: `/v1/cluster/nodes/${id}/drain`, done, failed }, shown)
}

function sumOf({ images, bytes: total }: ImageSum): string {
  return images === 0 ? 'nothing' : `${countOf(images, 'image')} (${bytes(total)})`
}
