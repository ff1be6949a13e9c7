/** Holds answers of the operator port to its OpenAPI document. Stricter than clients may be: a field that is not told of is an error. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { openApiDocument } from '../../api/status/openapi/document.ts'

type Json = Record<string, unknown>

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, { content?: Json }> }>>
  components: { schemas: Json }
}

const ID = 'serac'
const METHODS = ['get', 'put', 'post', 'delete']

export class OpenApiCheck {
  readonly document: Document
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
  readonly #validators = new Map<string, ValidateFunction>()

  constructor(document: unknown = openApiDocument()) {
    this.document = document as Document
    this.#ajv.addSchema({ $id: ID, ...(closed(structuredClone(document)) as Json) })
  }

  /** `GET /v1/cluster/nodes/{id}` and so on. */
  operations(): string[] {
    return Object.entries(this.document.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => method in item).map((method) => `${method.toUpperCase()} ${path}`),
    )
  }

  /** What is wrong with an answer, [] for nothing. `path` as the document has it. */
  complaints(method: string, path: string, status: number, body: unknown): string[] {
    const responses = this.document.paths[path]?.[method.toLowerCase()]?.responses
    if (!responses) return [`${method} ${path} is not documented`]
    const name = String(status) in responses ? String(status) : 'default'
    if (name === 'default' && status < 400) return [`${method} ${path} may not answer ${status}`]
    if (!responses[name]?.content?.['application/json'])
      return body === null || body === '' ? [] : [`${method} ${path} ${status} has no JSON`]
    const at = [
      'paths',
      path,
      method.toLowerCase(),
      'responses',
      name,
      'content',
      'application/json',
      'schema',
    ]
    const validate = this.#validator(`${ID}#/${at.map(escapePointer).join('/')}`)
    if (validate(body)) return []
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    )
  }

  #validator($ref: string): ValidateFunction {
    const known = this.#validators.get($ref)
    if (known) return known
    const made = this.#ajv.compile({ $ref })
    this.#validators.set($ref, made)
    return made
  }
}

/** No object has more than it says. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.fromEntries(Object.entries(value).map(([name, field]) => [name, closed(field)]))
  const isObject = 'properties' in fields && 'required' in fields
  return isObject ? { ...fields, additionalProperties: false } : fields
}

function escapePointer(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))
}
