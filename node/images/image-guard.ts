/** Stands between callers and images: what a caller may not see is not there, what it may not do is forbidden. */
import { hasCode } from '../../cluster/errors.ts'
import { ImageError } from '../errors.ts'
import {
  recordTarget,
  watched,
  type Grant,
  type ImagePolicy,
  type ImageRule,
  type PolicyTarget,
} from './image-policy.ts'
import type { ImageRecord } from './image-record.ts'
import type { KnownRecord } from './image-registers.ts'
import type { Caller } from './image-requests.ts'
import { canSee } from './visibility.ts'

export interface ImageGuardComponents {
  policy: ImagePolicy
  /** What a majority holds of an image. */
  read: (id: string) => Promise<KnownRecord | null>
  /** An image as this node knows it, which may be out of date; null: it knows of none. For `amend`. */
  known?: (id: string) => ImageRecord | null
}

/** Nobody changes owner, visibility or members this often in the time of one request. */
const CHANGE_TRIES_MAX = 16

export class ImageGuard {
  readonly #components: ImageGuardComponents

  constructor(components: ImageGuardComponents) {
    this.#components = components
  }

  /** Throws NOT_FOUND for what is absent, deleted or hidden: the caller cannot tell which. */
  visible(caller: Caller, id: string, known: KnownRecord | null): ImageRecord {
    if (!known?.live || !this.sees(caller, known.record))
      throw new ImageError('NOT_FOUND', `No image found with ID ${id}`)
    return known.record
  }

  sees(caller: Caller, image: ImageRecord): boolean {
    return canSee(caller, image) && this.allowsOn(image, caller, 'get_image')
  }

  /** Which rows of a list the caller may see, beyond what their visibility says. */
  rowTest(caller: Caller): (image: ImageRecord) => boolean {
    const { target, basis } = watched(() => null)
    const answer = this.#allows('get_image', caller, target)
    // An answer that looked at nothing is the same for every image.
    if (Object.keys(basis).length === 0) return () => answer
    return (image) => this.allowsOn(image, caller, 'get_image')
  }

  /** For an answer that is no FORBIDDEN when it is no. */
  allowsOn(image: ImageRecord, caller: Caller, rule: ImageRule): boolean {
    return this.#allows(rule, caller, recordTarget(image, caller.projectId))
  }

  /** Throws FORBIDDEN. For what is not about an image that exists. */
  require(rule: ImageRule, caller: Caller, target: PolicyTarget): void {
    if (!this.#allows(rule, caller, target)) throw forbidden(rule)
  }

  /** Throws FORBIDDEN. The caller must be known to see the image. */
  requireOn(image: ImageRecord, caller: Caller, ...rules: readonly ImageRule[]): Grant {
    const { target, basis } = watched(recordTarget(image, caller.projectId))
    for (const rule of rules) this.require(rule, caller, target)
    return { caller: rightsOf(caller), basis }
  }

  /**
   * Does `change` to an image that the caller sees and to which all of `rules` apply. The operation must be given the
   * grant; when it was refused because the image is not any more what the grant rests on, all is done again.
   */
  async change<T>(
    caller: Caller,
    id: string,
    rules: readonly ImageRule[],
    change: (grant: Grant, image: ImageRecord) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      const image = this.visible(caller, id, await this.#components.read(id))
      try {
        return await change(this.requireOn(image, caller, ...rules), image)
      } catch (error) {
        if (!hasCode(error, 'BASIS_CHANGED') || tries === CHANGE_TRIES_MAX) throw error
      }
    }
  }

  /**
   * As `change`, for a `change` that is one operation and nothing else. The operation looks at the grant and at the image
   * anyway, so that it is begun with what this node knows, and no majority is asked before; only what is refused that way is
   * done again from what a majority holds, which is what the caller is told of.
   */
  async amend<T>(
    caller: Caller,
    id: string,
    rules: readonly ImageRule[],
    change: (grant: Grant) => Promise<T>,
  ): Promise<T> {
    const image = this.#components.known?.(id)
    if (image && this.sees(caller, image)) {
      try {
        return await change(this.requireOn(image, caller, ...rules))
      } catch (error) {
        if (!isRefusal(error)) throw error
      }
    }
    return this.change(caller, id, rules, change)
  }

  #allows(rule: ImageRule, caller: Caller, target: PolicyTarget): boolean {
    return this.#components.policy.allows(rule, caller, target)
  }
}

/** Whether it is certain that nothing was changed, and why not does not lie in who can be reached. */
function isRefusal(error: unknown): boolean {
  return error instanceof ImageError && error.code !== 'UNAVAILABLE'
}

function rightsOf({ projectId, isAdmin, roles }: Caller): Grant['caller'] {
  return { projectId, isAdmin, roles: [...roles] }
}

function forbidden(rule: ImageRule): ImageError {
  return new ImageError('FORBIDDEN', `You are not authorized to complete ${rule} action.`)
}
