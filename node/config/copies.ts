/** How many copies of an image are wanted, as it is written: `[replication] copies`, `copies_rule`, serac_replicas. */
import type { OptionType } from './option-types.ts'

/** Null: one on every storage node. */
export type Copies = number | null

/** For the images of one visibility or one project. */
export interface CopiesRule {
  by: 'visibility' | 'project'
  value: string
  copies: Copies
}

export const copies: OptionType<Copies> = {
  description: 'an integer from 1 to 7, or all',
  parse(value) {
    if (value.trim() === 'all') return null
    if (!/^\s*[1-7]\s*$/.test(value)) throw new Error(this.description)
    return Number(value)
  },
}

export const copiesRule: OptionType<CopiesRule> = {
  description: 'visibility:NAME=COPIES or project:ID=COPIES',
  parse(value) {
    const form = /^(?:(visibility):(public|private|shared|community)|(project):([^=]+))=(.+)$/
    const [, , visibility, , project, count] = form.exec(value.trim()) ?? []
    try {
      const parsed = copies.parse(count ?? '')
      if (visibility !== undefined) return { by: 'visibility', value: visibility, copies: parsed }
      return { by: 'project', value: project ?? '', copies: parsed }
    } catch {
      throw new Error(this.description)
    }
  },
}
