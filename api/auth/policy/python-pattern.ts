/**
 * Patterns of Python's `re`, in which the files of OpenStack's services name things. Where JavaScript's mean something else
 * they are translated; what it does not know is refused, never taken for something similar.
 */

const WORD = '\\p{L}\\p{N}_'
/** Escapes that mean another thing here, outside of a class and in one; null: there is no like. */
const ESCAPES: Readonly<Record<string, readonly [outside: string, inClass: string | null]>> = {
  w: [`[${WORD}]`, WORD],
  W: [`[^${WORD}]`, null],
  d: ['\\p{Nd}', '\\p{Nd}'],
  D: ['\\P{Nd}', '\\P{Nd}'],
  A: ['(?<![^])', null],
  Z: ['(?![^])', null],
}
/** Python lets `$` stand before a line feed at the end, too. */
const END = '(?=\\n?(?![^]))'
const SYNTAX_CHARACTER = /[\^$\\.*+?()[\]{}|/]/
const TOKEN = /\\[^]|\(\?P[<=]|\[\^?\]?|[^]/gu

/** To be searched anywhere in a text, as `re.search` does. Throws an Error with a sentence. */
export function pythonPattern(pattern: string): RegExp {
  const [inline = '', letters = ''] = /^\(\?([aimsu]+)\)/.exec(pattern) ?? []
  const flags = [...new Set(letters)].filter((letter) => 'ims'.includes(letter)).join('')
  try {
    return new RegExp(translate(pattern.slice(inline.length), flags.includes('m')), `${flags}u`)
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: \/.*\/\w*: /s, '')
    throw new Error(`the pattern "${pattern}" cannot be used: ${reason}`, { cause: error })
  }
}

function translate(pattern: string, isMultiline: boolean): string {
  let inClass = false
  let isReference = false
  const pieces = Array.from(pattern.matchAll(TOKEN), ([token]) => {
    if (token.startsWith('\\')) return translateEscape(token[1] ?? '', inClass)
    if (inClass) {
      inClass = token !== ']'
      // In Python a bracket in a class opens nothing.
      return token.startsWith('[') ? openBracketInClass(token, () => (inClass = false)) : token
    }
    if (token.startsWith('[')) {
      inClass = true
      // The first thing in a class is in it, also when it is the bracket that ends one.
      return token.endsWith(']') ? `${token.slice(0, -1)}\\]` : token
    }
    if (token === '(?P<') return '(?<'
    if (token === '(?P=') {
      isReference = true
      return '\\k<'
    }
    if (token === ')' && isReference) {
      isReference = false
      return '>'
    }
    return token === '$' && !isMultiline ? END : token
  })
  return pieces.join('')
}

/** `[`, `[^`, `[]` or `[^]` where a class is open already. */
function openBracketInClass(token: string, close: () => void): string {
  if (token.endsWith(']')) close()
  return `\\${token}`
}

function translateEscape(character: string, inClass: boolean): string {
  const [outside, inside] = ESCAPES[character] ?? []
  if (inside === null && inClass) throw new Error(`\\${character} cannot stand in brackets`)
  if (outside !== undefined) return inClass ? (inside ?? '') : outside
  if (/[A-Za-z0-9]/.test(character) || SYNTAX_CHARACTER.test(character)) return `\\${character}`
  return inClass && character === '-' ? '\\-' : character
}
