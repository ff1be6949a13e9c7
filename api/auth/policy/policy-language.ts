/**
 * Reads the rule language of oslo.policy: `role:admin or (role:member and project_id:%(project_id)s)`. Where oslo logs a
 * rule that it cannot read and denies everything by it, reading fails here: the file as a whole is refused then.
 */
import { ALWAYS, type Check, NEVER, type Template } from './policy-check.ts'

/** Parentheses and negations within each other. */
export const NESTING_MAX = 64

type Token = '(' | ')' | 'and' | 'or' | 'not' | { check: Check }

/** A rule as YAML gives it: text, or the old form of lists, an outer "or" of inner "and"s. Throws Error with a sentence. */
export function parseRule(rule: unknown): Check {
  if (typeof rule === 'string') return parseText(rule)
  if (Array.isArray(rule)) return parseLists(rule)
  throw new Error('a rule is a text in quotes; write "@" for everybody and "!" for nobody')
}

function parseText(text: string): Check {
  const tokens = tokensOf(text)
  // As in oslo, an empty rule lets everybody pass.
  if (tokens.length === 0) return ALWAYS
  const parser = new Parser(tokens)
  return parser.whole()
}

function parseLists(list: readonly unknown[]): Check {
  if (list.length === 0) return ALWAYS
  const alternatives = list
    .map((inner): unknown[] => (Array.isArray(inner) ? inner : [inner]))
    .filter((inner) => inner.length > 0)
    .map((inner) => join('and', inner.map(parseListed)))
  return alternatives.length === 0 ? NEVER : join('or', alternatives)
}

function parseListed(check: unknown): Check {
  if (typeof check === 'string') return parseCheck(check)
  throw new Error('lists of lists hold texts like "role:admin"')
}

/** As oslo cuts it: at white space, and parentheses off the ends of what is between. */
function tokensOf(text: string): Token[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .flatMap((word): Token[] => {
      const [, opening = '', rest = ''] = /^(\(*)(.*)$/s.exec(word) ?? []
      const body = rest.replace(/\)+$/, '')
      const parens = (some: string) => some.split('') as ('(' | ')')[]
      return [...parens(opening), ...wordToken(body), ...parens(rest.slice(body.length))]
    })
}

function wordToken(word: string): Token[] {
  if (word === '') return []
  const lower = word.toLowerCase()
  if (lower === 'and' || lower === 'or' || lower === 'not') return [lower]
  return [{ check: parseCheck(word) }]
}

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  whole(): Check {
    const check = this.#series('or')
    if (this.#at < this.#tokens.length) throw new Error(`"and" or "or" is missing before ${this.#next()}`)
    return check
  }

  /** "and" binds closer than "or". */
  #series(operator: 'and' | 'or'): Check {
    const part = () => (operator === 'or' ? this.#series('and') : this.#single())
    const checks = [part()]
    while (this.#tokens[this.#at] === operator) {
      this.#at++
      checks.push(part())
    }
    return join(operator, checks)
  }

  #single(): Check {
    const token = this.#tokens[this.#at]
    if (typeof token === 'object') {
      this.#at++
      return token.check
    }
    if (token !== 'not' && token !== '(') throw new Error(`a check is missing before ${this.#next()}`)
    if (++this.#depth > NESTING_MAX) throw new Error(`it is nested more than ${NESTING_MAX} deep`)
    this.#at++
    const check = token === 'not' ? ({ kind: 'not', check: this.#single() } as const) : this.#inParentheses()
    this.#depth--
    return check
  }

  #inParentheses(): Check {
    const check = this.#series('or')
    if (this.#tokens[this.#at] !== ')') throw new Error(`a ")" is missing before ${this.#next()}`)
    this.#at++
    return check
  }

  #next(): string {
    const token = this.#tokens[this.#at]
    if (token === undefined) return 'its end'
    return typeof token === 'string' ? `"${token}"` : 'a check'
  }
}

/** What a rule asks for at one place: `KIND:MATCH`, or `@` for everybody and `!` for nobody. */
function parseCheck(text: string): Check {
  if (text === '@') return ALWAYS
  if (text === '!') return NEVER
  const colon = text.indexOf(':')
  if (colon < 0) throw new Error(`"${text}" is no check: those have the form KIND:MATCH, as in role:admin`)
  const kind = text.slice(0, colon)
  const match = text.slice(colon + 1)
  if (kind === 'http' || kind === 'https')
    throw new Error(
      `"${text}" would ask a server about each request, which Serac does not do: ` +
        'say by roles and projects who may',
    )
  if (kind === 'rule') return { kind, name: match }
  if (kind === 'role') return { kind, match: parseTemplate(match) }
  const literal = parseLiteral(kind)
  if (literal !== null) return { kind: 'literal', text: literal, match: parseTemplate(match) }
  if (!/^[A-Za-z_][\w-]*(\.[\w-]+)*$/.test(kind))
    throw new Error(
      `"${kind}" in "${text}" is neither the name of a credential, as project_id, nor a literal in quotes`,
    )
  return { kind: 'credential', path: kind.split('.'), match: parseTemplate(match) }
}

/** Python's literals; null for anything else. */
function parseLiteral(kind: string): string | null {
  const [, , quoted] = /^(['"])([^'"\\]*)\1$/.exec(kind) ?? []
  if (quoted !== undefined) return quoted
  return /^(True|False|None|-?\d+(\.\d+)?)$/.test(kind) ? kind : null
}

function parseTemplate(text: string): Template {
  const parts: (string | { attribute: string })[] = []
  const place = /%(?:\(([^()%]+)\)s|(%))/g
  let end = 0
  for (const found of text.matchAll(place)) {
    parts.push(plain(text.slice(end, found.index), text))
    parts.push(found[1] === undefined ? '%' : { attribute: found[1] })
    end = found.index + found[0].length
  }
  parts.push(plain(text.slice(end), text))
  return parts.filter((part) => part !== '')
}

function plain(piece: string, whole: string): string {
  if (!piece.includes('%')) return piece
  throw new Error(`"${whole}" has a % that begins neither %(attribute)s nor %%`)
}

function join(kind: 'and' | 'or', checks: readonly Check[]): Check {
  return checks.length === 1 ? checks[0]! : { kind, checks }
}
