/** Makes, renames and removes namespaces: what takes several steps, so that a name never has two of them. */
import { hasCode } from '../../cluster/errors.ts'
import type { Clock, Log, Random } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import { newImageId } from '../images/image-id.ts'
import { PART_KINDS, type NamespaceContent } from './content-operations.ts'
import type { MetadefRegisters } from './metadef-registers.ts'
import { NameClaims } from './name-claims.ts'
import type { GrantedArgs } from './namespace-decisions.ts'
import type { UpdateNamespaceArgs } from './namespace-operations.ts'
import type { NameHolder, NamespaceRecord } from './namespace-record.ts'
import { firstTwice, twiceText } from './part-operations.ts'

export interface NamespaceKeeperComponents {
  clock: Clock
  random: Random
  log: Log
  registers: MetadefRegisters
}

/** Whoever is so slow that its claim is ended tries again, but not for ever. */
const CREATE_TRIES_MAX = 3

export class NamespaceKeeper {
  readonly claims: NameClaims
  readonly #components: NamespaceKeeperComponents

  constructor(components: NamespaceKeeperComponents) {
    this.#components = components
    this.claims = new NameClaims(components)
  }

  /** Throws CONFLICT for a name that is taken, and for two parts of one name. */
  async create(content: NamespaceContent): Promise<NamespaceRecord> {
    // Here and not in the register: an empty one has no place for a refusal (R4).
    refuseTwins(content)
    for (let tries = 1; ; tries++) {
      try {
        return await this.#createOnce(content)
      } catch (error) {
        if (!hasCode(error, 'BASIS_CHANGED')) throw error
        if (tries === CREATE_TRIES_MAX)
          throw new ImageError('UNAVAILABLE', 'The service is too busy for this now; try again.', {}, error)
      }
    }
  }

  async #createOnce(content: NamespaceContent): Promise<NamespaceRecord> {
    const { registers, clock, random } = this.#components
    const id = newImageId(random)
    const holder = this.#newClaim(content.name, id)
    await this.claims.take(holder)
    const now = new Date(clock.wallMs()).toISOString()
    const made = { id, claim: holder.claim, renaming: null, createdAt: now, updatedAt: now, deletedAt: null }
    try {
      return await registers.apply(id, 'metadef.create', { record: { ...content, ...made } })
    } catch (error) {
      await this.claims.giveUp(holder)
      throw error
    }
  }

  /** Sets the fields of a namespace, its name among them. */
  async update(
    namespace: NamespaceRecord,
    args: Omit<UpdateNamespaceArgs, 'claim'>,
  ): Promise<NamespaceRecord> {
    const { registers } = this.#components
    const { grant, fields, now } = args
    if (fields.name === namespace.name)
      return registers.apply(namespace.id, 'metadef.update', { ...args, claim: null })
    const holder = this.#newClaim(fields.name, namespace.id)
    const { claim } = holder
    await registers.apply(namespace.id, 'metadef.begin-rename', { grant, claim, now })
    const renamed = await this.#takeAndUpdate(holder, { ...args, claim })
    await this.#release(namespace)
    return renamed
  }

  async #takeAndUpdate(holder: NameHolder, args: UpdateNamespaceArgs): Promise<NamespaceRecord> {
    try {
      await this.claims.take(holder)
      return await this.#components.registers.apply(holder.namespace, 'metadef.update', args)
    } catch (error) {
      await this.claims.giveUp(holder)
      throw error
    }
  }

  async remove(namespace: NamespaceRecord, args: GrantedArgs): Promise<void> {
    await this.#components.registers.apply(namespace.id, 'metadef.delete', args)
    await this.#release(namespace)
  }

  /** Whatever protects it. Throws BASIS_CHANGED when it is gone or has another name. */
  async discard(namespace: NamespaceRecord): Promise<void> {
    const { registers, clock } = this.#components
    const now = new Date(clock.wallMs()).toISOString()
    await registers.apply(namespace.id, 'metadef.discard', { name: namespace.name, now })
    await this.#release(namespace)
  }

  /** The name is free without it: who wants it finds that its claim leads to nothing. */
  async #release({ id, name, claim }: NamespaceRecord): Promise<void> {
    const { log } = this.#components
    await this.claims.release({ namespace: id, name, claim }).catch((error: unknown) => {
      log.info(
        { name, error: String(error) },
        'the name of a namespace that is no more was not given back yet',
      )
    })
  }

  #newClaim(name: string, namespace: string): NameHolder {
    return { name, namespace, claim: this.#components.registers.mintClaim() }
  }
}

function refuseTwins(content: NamespaceContent): void {
  for (const kind of PART_KINDS) {
    const twice = firstTwice(kind, content[kind])
    if (twice !== null) throw new ImageError('CONFLICT', twiceText(content.name, kind, twice))
  }
}
