/** `$name`, `${name}` and `$section.name` in values, as oslo.config (and Python's string.Template below it) reads them. */

/** `$$`, or a name with or without braces. A `$` before anything else stays as it is. */
const PLACEHOLDER = /\$(?:(\$)|([_a-z][._a-z0-9]*)|\{([_a-z][._a-z0-9]*)\})/gi

/** Replaces the placeholders of `text` by what `lookUp` answers for their names; it may throw. */
export function substitute(text: string, lookUp: (name: string) => string): string {
  // oslo takes `\$` for `$$`, as more natural to people who know the shell.
  return text
    .replaceAll(String.raw`\$`, '$$$$')
    .replace(PLACEHOLDER, (_, escape?: string, bare?: string, braced?: string) =>
      escape === undefined ? lookUp(bare ?? braced ?? '') : '$',
    )
}

/** Writes `text` so that substitution gives it back. */
export function escapeDollars(text: string): string {
  return text.replaceAll('$', '$$$$')
}
