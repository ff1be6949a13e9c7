/** From written values to typed ones: `$` substitution, then each option's own type. */
import { camelCase, type ConfigOf, type Option, type OptionTable } from './option.ts'
import type { Settings } from './settings.ts'
import { substitute } from './substitute.ts'

/**
 * The typed configuration. What cannot be resolved becomes a problem of `settings`, and the result is then not fit for
 * use.
 */
export function resolve<Table extends OptionTable>(table: Table, settings: Settings): ConfigOf<Table> {
  const sections: Record<string, Record<string, unknown>> = {}
  for (const [section, { options }] of Object.entries(table)) {
    const values: Record<string, unknown> = {}
    for (const [name, option] of Object.entries(options)) {
      values[camelCase(name)] = resolveOption(settings, section, name, option)
    }
    sections[camelCase(section)] = values
  }
  // The keys and types are those of the table; a test holds the two together.
  return sections as ConfigOf<Table>
}

function resolveOption(settings: Settings, section: string, name: string, option: Option<unknown>): unknown {
  const written = settings.written(option)
  const origin = written.at(-1)?.origin ?? null
  let texts: string[]
  try {
    texts = substituted(settings, section, option, [`${section}.${name}`])
  } catch (error) {
    // The message quotes from the value.
    const why = option.isSecret ? 'write $$ for a dollar sign' : (error as Error).message
    settings.refuse(origin, `${name}: ${why}`)
    return option.whenUnset
  }
  if (texts.length === 0) return option.whenUnset
  return parse(settings, name, option, texts)
}

/** One value after the other, so that the line with the wrong one can be named. */
function parse(settings: Settings, name: string, option: Option<unknown>, texts: readonly string[]): unknown {
  const written = settings.written(option)
  const first = option.isMulti ? 0 : texts.length - 1
  for (let index = first; index < texts.length; index++) {
    try {
      option.parse([texts[index]!])
    } catch (error) {
      const what = option.isSecret ? '' : `, not '${texts[index]}'`
      settings.refuse(written[index]?.origin ?? null, `${name} must be ${(error as Error).message}${what}`)
      return option.whenUnset
    }
  }
  return option.parse(texts)
}

/** The texts of an option, or its default, with every `$name` in them replaced. */
function substituted(
  settings: Settings,
  section: string,
  option: Option<unknown>,
  trail: readonly string[],
): string[] {
  const written = settings.written(option).map(({ text }) => text)
  const texts = written.length === 0 && option.default !== null ? [option.default] : written
  return texts.map((text) => substitute(text, (name) => lookUp(settings, section, name, trail)))
}

/** As oslo: `section.option` if there is one, else an option of the same section, else one of [DEFAULT]. */
function lookUp(settings: Settings, section: string, name: string, trail: readonly string[]): string {
  const [head = '', ...rest] = name.split('.')
  const places = rest.length === 0 ? [section, 'DEFAULT'] : [head]
  const target = rest.length === 0 ? head : rest.join('.')
  for (const place of places) {
    const option = settings.find(place, target)
    if (option === null) continue
    const step = `${place}.${target}`
    if (option.isMulti) throw new Error(`$${name} has several values and cannot be put into another one`)
    if (trail.includes(step)) throw new Error(`$${name} is part of itself (${[...trail, step].join(' → ')})`)
    return substituted(settings, place, option, [...trail, step]).at(-1) ?? ''
  }
  throw new Error(
    `there is no option for $${name}; write $$ for a dollar sign and \${name} before letters or dots`,
  )
}
