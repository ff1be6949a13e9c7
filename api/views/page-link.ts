/** The link to a page of a list: every parameter of the request, repeated ones too, and where the page begins. */
export function pageLink(path: string, query: URLSearchParams, marker: string | null): string {
  const parameters = new URLSearchParams(query)
  parameters.delete('marker')
  if (marker !== null) parameters.set('marker', marker)
  return parameters.size === 0 ? path : `${path}?${parameters.toString()}`
}
