/** The body of `POST /v2/tasks`. */
import { ImageError } from '../../node/errors.ts'
import type { LegacyImport } from '../../node/imports/legacy-import.ts'
import { parseImageDraft } from './image-draft.ts'
import type { UserFieldRules } from './image-fields.ts'
import { isObject } from './json-object.ts'

/** As long as servers take them. */
const URI_LENGTH_MAX = 2048
/** Glance's own input, which it shows again; what else comes with it is not kept. */
const NEEDED = ['import_from', 'import_from_format', 'image_properties']
const FORMAT_LENGTH_MAX = 255
/** It stands in the record of the task: room for every property that an image may have by default. */
const INPUT_LENGTH_MAX = 64 * 1024
/** What an image is where nothing at all is said of it, as in Glance. */
const BASE = { disk_format: 'qcow2', container_format: 'bare' }

/** What is wrong with the image to be is for the task to say. Throws INVALID for all else. */
export function parseTaskBody(body: unknown, rules: UserFieldRules): LegacyImport {
  if (!isObject(body)) throw invalid('Body expected in request.')
  for (const name of ['type', 'input']) if (!(name in body)) throw invalid(`Task '${name}' is required`)
  const { type, input } = body
  if (type !== 'import') throw invalid("The only tasks that can be asked for are of type 'import'.")
  if (!isObject(input)) throw invalid("The 'input' of a task is an object.")
  const { import_from: uri, import_from_format: format } = input
  if (typeof uri !== 'string' || uri.length > URI_LENGTH_MAX)
    throw invalid(`Invalid location: 'import_from' is a URL of at most ${URI_LENGTH_MAX} characters.`)
  if (format !== undefined && (typeof format !== 'string' || format.length > FORMAT_LENGTH_MAX))
    throw invalid(`'import_from_format' is a string of at most ${FORMAT_LENGTH_MAX} characters.`)
  const shown = shownPart(input)
  if (JSON.stringify(shown).length > INPUT_LENGTH_MAX)
    throw invalid(`The 'input' of a task has at most ${INPUT_LENGTH_MAX} characters.`)
  return { uri, ...draftIn(input, rules), input: shown }
}

function draftIn(
  input: Record<string, unknown>,
  rules: UserFieldRules,
): Pick<LegacyImport, 'draft' | 'problem'> {
  const missing = NEEDED.find((name) => !(name in input))
  if (missing !== undefined) return { draft: null, problem: `Input does not contain '${missing}' field` }
  const properties = input['image_properties']
  const isEmpty = isObject(properties) && Object.keys(properties).length === 0
  try {
    const { id: _, ...draft } = parseImageDraft(isEmpty ? BASE : properties, rules)
    return { draft, problem: '' }
  } catch (error) {
    if (!(error instanceof ImageError)) throw error
    return { draft: null, problem: error.message }
  }
}

function shownPart(input: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(NEEDED.flatMap((name) => (name in input ? [[name, input[name]]] : [])))
}

function invalid(message: string): ImageError {
  return new ImageError('INVALID', message)
}
