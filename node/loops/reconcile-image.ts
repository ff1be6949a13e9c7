/** What a node has to do about one image: the one decision. It may be asked at any time, and as often as one likes. */
import type { Holding } from '../data/image-holder.ts'

export interface ImageFacts {
  /** What this node has of it. */
  holding: Holding
  /** Whether the placement names this node, or it stands in for one that is out. */
  belongsHere: boolean
  /** Voters keep every manifest, so that any of them knows what an image consists of. */
  keepsManifest: boolean
}

export type ReconcileStep = 'nothing' | 'pull' | 'give-up' | 'keep-manifest'

/** Of a live image with data. */
export function reconcileStep({ holding, belongsHere, keepsManifest }: ImageFacts): ReconcileStep {
  if (belongsHere) return holding === 'whole' ? 'nothing' : 'pull'
  switch (holding) {
    case 'whole':
    case 'part':
      return 'give-up'
    case 'manifest':
      return keepsManifest ? 'nothing' : 'give-up'
    case 'nothing':
      return keepsManifest ? 'keep-manifest' : 'nothing'
  }
}
