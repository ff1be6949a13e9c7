/**
 * How a name comes to a namespace, so that it never has two. A name is a namespace's when two registers say so: that of the
 * name holds a claim for the namespace, and the namespace has the name by that very claim. The second is decided last, in
 * one operation with all that goes with it, and is what makes it so:
 *
 *     create   claim the name → create the namespace with the claim
 *     rename   note the claim in the namespace → claim the name → change the namespace, if the claim is still noted
 *     delete   delete the namespace → give the name back
 *
 * Whoever stops in between leaves a claim that leads to nothing. Another one that wants the name ends it first, in the
 * register of the namespace (`metadef.fence`), so that it cannot lead to anything any more; only then it takes its place.
 * Without that the first, merely slow, would have the name as well.
 */
import { hasCode } from '../../cluster/errors.ts'
import { sleep, type Clock, type Log } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import type { MetadefRegisters } from './metadef-registers.ts'
import type { NameHolder } from './namespace-record.ts'

export interface NameClaimsComponents {
  clock: Clock
  log: Log
  registers: Pick<MetadefRegisters, 'apply' | 'applyToName' | 'read' | 'holderOf'>
}

/**
 * Somebody who is at work takes two rounds of votes; whoever is not done after looks with growing pauses, 1.5 s in all,
 * counts as dead. Speed only: it is fenced anyway.
 */
const FIRST_PAUSE_MS = 50
const LAST_PAUSE_MS = 800
/** Nobody takes a name and gives it back this often in the time of one request. */
const TRIES_MAX = 16

export class NameClaims {
  readonly #components: NameClaimsComponents

  constructor(components: NameClaimsComponents) {
    this.#components = components
  }

  /** Claims a name. Throws CONFLICT when a namespace has it, else as Registers.execute. */
  async take(holder: NameHolder): Promise<void> {
    const { registers } = this.#components
    let replaces: string | null = null
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      try {
        return await registers.applyToName(holder.name, 'metadef-name.claim', { holder, replaces })
      } catch (error) {
        if (!hasCode(error, 'CONFLICT')) throw error
      }
      const other = await registers.holderOf(holder.name)
      if (other) await this.#end(other)
      replaces = other?.claim ?? null
    }
    throw new ImageError('UNAVAILABLE', `Too many want the name ${holder.name} at once; try again.`)
  }

  /** Gives back what came to nothing, or is no more. What fails is left for the next who wants the name, or the reaper. */
  async giveUp(holder: NameHolder): Promise<void> {
    const { log } = this.#components
    try {
      await this.#fence(holder)
      await this.release(holder)
    } catch (error) {
      log.debug({ name: holder.name, error: String(error) }, 'a claim on a name was not given back')
    }
  }

  /** Only for a claim that leads to nothing. */
  async release({ name, claim }: NameHolder): Promise<void> {
    await this.#components.registers.applyToName(name, 'metadef-name.release', { claim, now: this.#now() })
  }

  /** Resolves when the claim can lead to nothing any more. Throws CONFLICT when it has. */
  async #end(holder: NameHolder): Promise<void> {
    const { clock } = this.#components
    for (let pauseMs = FIRST_PAUSE_MS; pauseMs <= LAST_PAUSE_MS; pauseMs *= 2) {
      if (!(await this.#isUnderWay(holder))) break
      await sleep(clock, pauseMs)
    }
    await this.#fence(holder)
  }

  async #isUnderWay({ namespace, claim }: NameHolder): Promise<boolean> {
    const found = await this.#components.registers.read(namespace)
    return found === null || (found !== 'gone' && found.renaming === claim)
  }

  async #fence({ namespace, claim }: NameHolder): Promise<void> {
    await this.#components.registers.apply(namespace, 'metadef.fence', {
      id: namespace,
      claim,
      now: this.#now(),
    })
  }

  #now(): string {
    return new Date(this.#components.clock.wallMs()).toISOString()
  }
}
