/**
 * Nodes that leave: drained, so that the others have all they held, and taken out. Each is planned first, and refused while
 * the plan objects. What was asked for is in the cluster's config: it goes on whoever dies meanwhile.
 */
import { ClusterError } from '../../cluster/errors.ts'
import type { ClusterConfig, ConfigView, MemberNode } from '../../cluster/membership/cluster-config.ts'
import { DRAIN_LEVEL, membersBelow } from '../../cluster/membership/feature-level.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { Membership } from '../../cluster/register/membership.ts'
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import type { ImageRecord } from '../images/image-record.ts'
import { TimeSlice } from '../images/time-slice.ts'
import type { ClusterReport } from './cluster-report.ts'
import { planDeparture, type Departure, type DepartureFacts, type DeparturePlan } from './departure-plan.ts'

export interface DeparturesComponents {
  self: NodeId
  clock: Clock
  config: ConfigView
  membership: Pick<Membership, 'setDrained' | 'removeNode'>
  report: Pick<ClusterReport, 'reports'>
  /** The images this node knows, or null while it has not caught up. */
  images: () => Iterable<ImageRecord> | null
  /** What the release of a member understands, as it said since this node started; null when it said nothing. */
  levelOf: (node: NodeId) => number | null
}

export class Departures {
  readonly #components: DeparturesComponents
  readonly #wanted: DepartureFacts['wanted']

  constructor(components: DeparturesComponents, wanted: DepartureFacts['wanted']) {
    this.#components = components
    this.#wanted = wanted
  }

  /** Throws NOT_FOUND, and UNAVAILABLE while this node does not know the images. */
  async plan(kind: Departure, id: NodeId): Promise<DeparturePlan> {
    const { config, clock, report, images } = this.#components
    const current = config.current()
    const member = memberOf(current, id)
    const known = images()
    if (!known)
      throw new ImageError('UNAVAILABLE', 'This node has not caught up with the others yet: ask another one.')
    const withData = [...known].filter(({ data }) => data !== null)
    const { reports } = await report.reports(0)
    const slice = new TimeSlice(() => clock.monotonicMs())
    const pause = async () => {
      if (slice.isOver()) await slice.pause()
    }
    const facts = { config: current, reports, images: withData, wanted: this.#wanted, pause }
    return planDeparture(kind, member, facts)
  }

  /** Throws NOT_FOUND, MEMBERSHIP_REFUSED with what the plan objects, NO_QUORUM. Done already: answers all the same. */
  async drain(id: NodeId, isForced: boolean): Promise<DeparturePlan> {
    const { config, membership, levelOf } = this.#components
    const plan = await this.plan('drain', id)
    if (memberOf(config.current(), id).drained) return plan
    if (!isForced) assertNothingAgainst(plan)
    const older = membersBelow(DRAIN_LEVEL, config.current(), levelOf)
    if (older.length > 0)
      throw refused(
        `these nodes run a release that knows nothing of drained nodes, or did not say what they run: ${older.join(', ')}`,
      )
    await membership.setDrained(id, true)
    return plan
  }

  /** Throws NOT_FOUND, NO_QUORUM. */
  async undrain(id: NodeId): Promise<void> {
    const { config, membership } = this.#components
    if (memberOf(config.current(), id).drained) await membership.setDrained(id, false)
  }

  /** Throws NOT_FOUND, MEMBERSHIP_REFUSED for a voter and with what the plan objects, NO_QUORUM. */
  async remove(id: NodeId, isForced: boolean): Promise<void> {
    const { self, config, membership } = this.#components
    memberOf(config.current(), id)
    if (id === self)
      throw new ImageError(
        'CONFLICT',
        'A node cannot remove itself: ask another node of the cluster to do it.',
      )
    if (isForced) return membership.removeNode(id)
    const plan = await this.plan('remove', id)
    assertNothingAgainst(plan)
    await membership.removeNode(id, plan.epoch)
  }
}

function assertNothingAgainst({ objections }: DeparturePlan): void {
  if (objections.length > 0)
    throw refused(`${objections.join('; ')}. It is done all the same when it is forced`)
}

function refused(message: string): ClusterError {
  return new ClusterError('MEMBERSHIP_REFUSED', message)
}

function memberOf({ nodes }: ClusterConfig, id: NodeId): MemberNode {
  const member = nodes.find((node) => node.id === id)
  if (!member) throw new ImageError('NOT_FOUND', `Node ${id} is no member of this cluster.`)
  return member
}
