/** A JSON schema of Glance's kind: `name` and `links` beside what JSON schema knows. */
export interface GlanceSchema {
  name: string
  properties: Record<string, object>
  additionalProperties?: object | boolean
  definitions?: object
  required?: string[]
  links?: { rel: string; href: string }[]
}

/** The schema of a list of `item`; a paged one has first and next. */
export function collectionSchema(
  plural: string,
  item: GlanceSchema,
  { paged }: { paged: boolean },
): GlanceSchema {
  const link = { type: 'string' }
  const schema = {
    name: plural,
    properties: { [plural]: { type: 'array', items: item }, schema: link },
    links: [{ rel: 'describedby', href: '{schema}' }],
  }
  if (!paged) return schema
  return {
    ...schema,
    properties: { ...schema.properties, first: link, next: link },
    links: [{ rel: 'first', href: '{first}' }, { rel: 'next', href: '{next}' }, ...schema.links],
  }
}
