/**
 * The INI dialect of oslo.config, rule for rule as its iniparser.py reads it. Ready-made INI packages keep only the last
 * of repeated keys, cut values at `;` and `#` and break continuation lines.
 */

export interface IniAssignment {
  section: string
  key: string
  /** Continuation lines are joined with line feeds. */
  value: string
  /** Counted from 1; the line on which the key stands. */
  line: number
}

export interface IniDocument {
  /** In the order of the file; a repeated key appears as often as it is written. */
  assignments: IniAssignment[]
  /** Every section header, also of sections without a key. */
  sections: { name: string; line: number }[]
  problems: { line: number; message: string }[]
}

/** Reads a whole file. Never throws: what cannot be read is listed, so that all of it can be reported at once. */
export function parseIni(text: string): IniDocument {
  const reader = new IniReader()
  for (const line of text.split(/\r\n|\r|\n/)) reader.read(line.trimEnd())
  return reader.document
}

class IniReader {
  readonly document: IniDocument = { assignments: [], sections: [], problems: [] }
  #line = 0
  /** null before the first header, which is an error for keys: oslo has no implied [DEFAULT]. */
  #section: string | null = null
  /** What an indented line continues. A blank line, a comment and a header all end it. */
  #open: IniAssignment | null = null

  read(line: string): void {
    this.#line++
    if (line.startsWith(' ') || line.startsWith('\t')) return this.#continue(line.trimStart())
    this.#open = null
    if (line === '' || line.startsWith('#') || line.startsWith(';')) return
    if (line.startsWith('[')) this.#startSection(line)
    else this.#assign(line)
  }

  #continue(rest: string): void {
    if (this.#open === null) this.#refuse('an indented line continues the value above it, but there is none')
    else this.#open.value += `\n${rest}`
  }

  #startSection(line: string): void {
    // A broken header still starts a section, so that its keys are not blamed on the one before.
    this.#section = line.replace(/^\[|\]$/g, '')
    if (!line.endsWith(']')) this.#refuse('a section header must end with ]')
    else if (this.#section === '') this.#refuse('a section header needs a name')
    else this.document.sections.push({ name: this.#section, line: this.#line })
  }

  #assign(line: string): void {
    const separator = line.search(/[=:]/)
    if (separator < 0) return this.#refuse('expected KEY = VALUE')
    const key = line.slice(0, separator).trim()
    if (key === '') return this.#refuse('the name before the = is missing')
    if (this.#section === null) return this.#refuse(`${key} stands before the first section, e.g. [DEFAULT]`)
    this.#open = {
      section: this.#section,
      key,
      value: unquote(line.slice(separator + 1).trim()),
      line: this.#line,
    }
    this.document.assignments.push(this.#open)
  }

  #refuse(message: string): void {
    this.document.problems.push({ line: this.#line, message })
  }
}

/** One pair of equal quotes around the whole first line goes; a single quote character is such a pair for oslo, too. */
function unquote(value: string): string {
  const first = value[0]
  return (first === '"' || first === "'") && value.endsWith(first) ? value.slice(1, -1) : value
}
