/** What it takes for a node to leave, as text for a terminal of 80 columns. */
import { wordWrap } from '../config/word-wrap.ts'
import type { DeparturePlan } from '../status/departure-plan.ts'
import type { ImageSum } from '../status/image-sum.ts'
import type { NodeDrain } from '../status/status-types.ts'
import { formatBytes, type StatusFormat } from './status-view.ts'

const COLUMNS = 80
const MINUTE_S = 60

/** table for people, json for programs, value: bytes to move, for scripts. */
export function renderDeparture(plan: DeparturePlan, format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(plan, null, 2)}\n`
  if (format === 'value') return `${plan.toMove.bytes}\n`
  const { kind, node, held, toMove, onlyHere, warnings, objections } = plan
  const lines = [
    `${kind === 'drain' ? 'Drain' : 'Remove'} ${node}`,
    `It holds:                      ${held ? describeSum(held) : 'unknown'}`,
    `Others have to copy:           ${describeSum(toMove)}`,
    `Without another full copy now: ${describeSum(onlyHere)}`,
    ...warnings.flatMap((text) => wordWrap(`Warning: ${text}`, COLUMNS)),
    ...objections.flatMap((text) => wordWrap(`Refused: ${text}`, COLUMNS)),
  ]
  return `${lines.join('\n')}\n`
}

/** `12 images, 3.0 GiB left, some 4 min`. */
export function describeDrain({ left, etaSeconds }: NodeDrain): string {
  if (!left) return 'What is left is not known: the node does not answer'
  if (left.images === 0) return 'Nothing is left'
  const time = etaSeconds === null ? '' : `, some ${Math.ceil(etaSeconds / MINUTE_S)} min`
  return `${describeSum(left)} left${time}`
}

function describeSum({ images, bytes }: ImageSum): string {
  return images === 0 ? 'nothing' : `${images} image${images === 1 ? '' : 's'}, ${formatBytes(bytes)}`
}
