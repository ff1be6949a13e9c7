/** Values as written, before they mean anything: which option, what text, and where it stands. */
import type { ConfigProblem } from './config-error.ts'
import { didYouMean } from './nearest-name.ts'
import type { Option, OptionTable } from './option.ts'

export interface WrittenValue {
  text: string
  /** `FILE:LINE` or the name of the environment variable. */
  origin: string
}

/** All that was written, by option; knows which names exist. */
export class Settings {
  readonly problems: ConfigProblem[] = []
  readonly #table: OptionTable
  readonly #values = new Map<Option<unknown>, WrittenValue[]>()

  constructor(table: OptionTable) {
    this.#table = table
  }

  /** Adds one written value; an unknown name becomes a problem. */
  add(section: string, name: string, value: WrittenValue): void {
    const option = this.#find(section, name, value.origin)
    if (option === null) return
    const values = this.#values.get(option) ?? []
    values.push(value)
    this.#values.set(option, values)
  }

  /** Puts `values` in place of all that was added for the option before. */
  replace(section: string, name: string, values: WrittenValue[]): void {
    const option = this.find(section, name)
    if (option !== null) this.#values.set(option, values)
  }

  written(option: Option<unknown>): readonly WrittenValue[] {
    return this.#values.get(option) ?? []
  }

  find(section: string, name: string): Option<unknown> | null {
    const options = this.#table[sectionName(section)]?.options
    return options !== undefined && Object.hasOwn(options, name) ? options[name]! : null
  }

  refuse(origin: string | null, message: string): void {
    this.problems.push({ origin, message })
  }

  /** Refuses a section that does not exist. */
  checkSection(section: string, origin: string): boolean {
    if (Object.hasOwn(this.#table, sectionName(section))) return true
    this.refuse(origin, `there is no section [${section}]${didYouMean(section, Object.keys(this.#table))}`)
    return false
  }

  #find(section: string, name: string, origin: string): Option<unknown> | null {
    const option = this.find(section, name)
    if (option === null && this.checkSection(section, origin)) {
      const hint =
        didYouMean(name, Object.keys(this.#table[sectionName(section)]!.options)) || this.#elsewhere(name)
      this.refuse(origin, `there is no option ${name} in [${sectionName(section)}]${hint}`)
    }
    return option
  }

  /** The commonest slip: the right name under the wrong header. */
  #elsewhere(name: string): string {
    const home = Object.keys(this.#table).find((section) => this.find(section, name) !== null)
    return home === undefined ? '' : ` (it belongs to [${home}])`
  }
}

/** As oslo does: section names are compared in lower case, except DEFAULT, which must be written like this. */
function sectionName(section: string): string {
  return section === 'DEFAULT' ? section : section.toLowerCase()
}
