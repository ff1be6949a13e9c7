/** What is said of nodes that an operator has drained: wanted, so never more than a remark. */
import type { ClusterStatus, Finding, NodeStatus } from './status-types.ts'

const MIB = 1024 ** 2
const MINUTE_S = 60

export function drainRemarks({ nodes }: Pick<ClusterStatus, 'nodes'>): Finding[] {
  return nodes.flatMap((node) => (node.drain ? [remark(node, node.drain)] : []))
}

function remark({ id }: NodeStatus, { left, etaSeconds }: NonNullable<NodeStatus['drain']>): Finding {
  const base = { severity: 'info' as const, who: id }
  const undo = `"serac undrain" ends it.`
  if (left?.images === 0)
    return {
      ...base,
      code: 'DRAINED',
      why: `Node ${id} holds no image data any more, and no requests are offered to it.`,
      remedy: `It can be stopped, or taken out with "serac remove" or "serac replace"; ${undo}`,
    }
  const rest = left
    ? `${left.images} images, ${Math.ceil(left.bytes / MIB)} MiB left`
    : 'how much is left is not known'
  const time = etaSeconds === null ? '' : `, some ${Math.ceil(etaSeconds / MINUTE_S)} min`
  return {
    ...base,
    code: 'DRAINING',
    why: `Node ${id} gives its images to the others: ${rest}${time}.`,
    remedy: `Nothing while all other nodes are up: it goes on by itself; ${undo}`,
  }
}
