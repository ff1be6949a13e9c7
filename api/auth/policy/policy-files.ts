/**
 * Policy files: `policy.yaml`, then what is in `policy.d`, each over the ones before; JSON is YAML, too. Beside them the
 * file of the property protections, which may name their rules.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseDocument, visit } from 'yaml'
import { PolicyError, type WrittenRule } from './policy-rules.ts'

export interface PolicyPaths {
  /** Need not exist: the defaults count then. */
  file: string
  /** Files in these are read in the order of their names; hidden ones are not. */
  directories: readonly string[]
  /** null: no property is protected. Must exist, else. */
  protections: string | null
}

/** Glance's whole list with every comment has 40 KiB. */
export const POLICY_FILE_BYTES_MAX = 1024 * 1024

/** An editor writes a file once or twice. */
const READ_TRIES_MAX = 10

/** What is in the files, with a mark that changes when they do. */
export interface PolicyText {
  files: readonly { path: string; text: string }[]
  protections: string | null
  mark: string
}

/** Throws PolicyError when a file is too large or never stays the same, Error when one cannot be read. */
export async function readPolicyFiles(paths: PolicyPaths): Promise<PolicyText> {
  // What was being written while it was read is read again.
  for (let tries = 1; tries <= READ_TRIES_MAX; tries++) {
    const mark = await markOf(paths)
    const files = []
    for (const path of await existing(paths)) files.push({ path, text: await readFile(path, 'utf8') })
    const protections = paths.protections === null ? null : await readFile(paths.protections, 'utf8')
    if ((await markOf(paths)) === mark) return { files, protections, mark }
  }
  throw new PolicyError([`${paths.file}: the policy files change faster than they can be read`])
}

/** Changes when a file comes, goes or is written. */
export async function markOf(paths: PolicyPaths): Promise<string> {
  const marks: string[] = []
  for (const path of [...(await existing(paths)), ...(await protectionsOf(paths))]) {
    const found = await stat(path)
    if (found.size > POLICY_FILE_BYTES_MAX)
      throw new PolicyError([`${path}: a policy file has at most ${POLICY_FILE_BYTES_MAX} bytes`])
    marks.push(`${path} ${found.ino} ${found.size} ${found.mtimeMs}`)
  }
  return marks.join('\n')
}

/** Throws PolicyError. */
export function parsePolicyText({ files }: Pick<PolicyText, 'files'>): WrittenRule[] {
  const problems: string[] = []
  const rules = files.flatMap(({ path, text }) => parseFile(path, text, problems))
  if (problems.length > 0) throw new PolicyError(problems)
  return rules
}

function parseFile(origin: string, text: string, problems: string[]): WrittenRule[] {
  const document = parseDocument(text, { prettyErrors: true, logLevel: 'silent' })
  for (const { message } of document.errors) problems.push(`${origin}: ${message.split('\n')[0]}`)
  if (document.errors.length > 0) return []
  // `!` without its quotes is a tag with nothing behind it, and an empty rule would let everybody pass.
  visit(document, {
    Scalar(_, { tag }) {
      if (tag !== undefined)
        problems.push(`${origin}: there is a ${tag} without quotes; write "${tag}" for a rule`)
    },
  })
  const content: unknown = document.toJS({ maxAliasCount: 100 })
  if (content === null) return []
  if (typeof content !== 'object' || Array.isArray(content)) {
    problems.push(`${origin}: a policy file has lines of the form "NAME": "RULE"`)
    return []
  }
  return Object.entries(content).map(([name, rule]: [string, unknown]) => ({ name, rule, origin }))
}

async function existing({ file, directories }: PolicyPaths): Promise<string[]> {
  const paths = (await isThere(file)) ? [file] : []
  for (const directory of directories) {
    if (!(await isThere(directory))) continue
    const names = (await readdir(directory)).filter((name) => !name.startsWith('.')).toSorted()
    for (const name of names) {
      const path = join(directory, name)
      if ((await stat(path)).isFile()) paths.push(path)
    }
  }
  return paths
}

async function protectionsOf({ protections }: PolicyPaths): Promise<string[]> {
  if (protections === null) return []
  if (await isThere(protections)) return [protections]
  throw new PolicyError([`${protections}: there is no such file, but property_protection_file names it`])
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
