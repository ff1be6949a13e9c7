/** Chooses the media type of an answer from the request's Accept header (RFC 9110 §12.5.1). */

interface MediaRange {
  type: string
  subtype: string
  quality: number
}

/**
 * The offer that `accept` likes best; among equals the first offer wins. null when the header is absent or likes none:
 * the caller then takes its plainest form.
 */
export function chooseMediaType<Offer extends string>(
  accept: string | undefined,
  offers: readonly Offer[],
): Offer | null {
  const ranges = parseAccept(accept ?? '')
  let best: Offer | null = null
  let bestQuality = 0
  for (const offer of offers) {
    const quality = qualityOf(offer, ranges)
    if (quality > bestQuality) [best, bestQuality] = [offer, quality]
  }
  return best
}

function parseAccept(accept: string): MediaRange[] {
  return accept.split(',').flatMap((item) => {
    const [range = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase())
    const [type, subtype] = range.split('/')
    return type && subtype ? [{ type, subtype, quality: parseQuality(parameters) }] : []
  })
}

function parseQuality(parameters: string[]): number {
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  if (!weight) return 1
  const quality = Number(weight.slice(2))
  return quality >= 0 && quality <= 1 ? quality : 0
}

/** The most specific range that names `offer` decides. */
function qualityOf(offer: string, ranges: MediaRange[]): number {
  const [type, subtype] = offer.split('/')
  const exact = ranges.find((range) => range.type === type && range.subtype === subtype)
  const family = ranges.find((range) => range.type === type && range.subtype === '*')
  const any = ranges.find((range) => range.type === '*' && range.subtype === '*')
  return (exact ?? family ?? any)?.quality ?? 0
}
