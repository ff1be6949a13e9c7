/** What the option table (options.ts) is made of, and the shape of the configuration that follows from it. */
import type { OptionType } from './option-types.ts'

export interface Option<T> {
  /** How to write it. */
  readonly description: string
  /** What it is for; a paragraph of the sample file. */
  readonly help: string
  /** As an operator would write it, substitution included; null = unset. */
  readonly default: string | null
  readonly isSecret: boolean
  /** Written once per value, all of them count. A single option takes the last one. */
  readonly isMulti: boolean
  /** From the values as written, at least one; throws as OptionType.parse does. */
  parse(texts: readonly string[]): T
  /** The value when nothing is written and there is no default. */
  readonly whenUnset: T
}

export type OptionTable = Readonly<Record<string, SectionOptions>>

export interface SectionOptions {
  readonly help: string
  readonly options: Readonly<Record<string, Option<unknown>>>
}

/** An option that always has a value. */
export function option<T>(type: OptionType<T>, defaultText: string, help: string): Option<T> {
  // A test parses every default, so `whenUnset` is never looked at here.
  return { ...single(type, help), default: defaultText, whenUnset: undefined as never }
}

/** An option that may stay unset. */
export function optional<T>(type: OptionType<T>, help: string): Option<T | null> {
  return { ...single(type, help), default: null, whenUnset: null }
}

/** An option that is written once per value; none when unset. */
export function multi<T>(type: OptionType<T>, help: string): Option<T[]> {
  return {
    ...single(type, help),
    default: null,
    isMulti: true,
    parse: (texts) => texts.map((text) => type.parse(text)),
    whenUnset: [],
  }
}

function single<T>(type: OptionType<T>, help: string) {
  return {
    description: type.description,
    help,
    isSecret: type.isSecret ?? false,
    isMulti: false,
    parse: (texts: readonly string[]) => type.parse(texts.at(-1)!),
  }
}

/** `free_bytes_min` → `freeBytesMin`, `DEFAULT` → `default`. */
export function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S

type OptionValues<O> = {
  -readonly [Name in keyof O & string as CamelCase<Name>]: O[Name] extends Option<infer T> ? T : never
}

/** The configuration that a table describes: one object per section, camelCase names. */
export type ConfigOf<Table extends OptionTable> = {
  -readonly [S in keyof Table & string as CamelCase<Lowercase<S>>]: OptionValues<Table[S]['options']>
}
