/** The version documents, with which every client begins, and the version prefixes of paths. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { baseUrl, type LinkOptions } from './base-url.ts'
import { sendJson } from './replies.ts'

/**
 * The minor versions whose features answer here, newest first. Clients choose features by this list, so a number joins it
 * with its feature: 2.13 needs /info/usage, 2.14, 2.16 and 2.18 a cache. 2.17 are the location calls, 2.15
 * /info/stores/detail, 2.8 to 2.12 stores by name and the tasks of an image, 2.6 the interoperable import; 2.7 (hidden
 * images, os_hash_*) is all that nova and cinder ask for to boot from images and to take snapshots.
 */
const MINOR_VERSIONS: readonly number[] = [18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
const USAGE_VERSION = 13
/** The calls of the cache; that PUT answers 202; to clean and to prune it. */
const CACHE_VERSIONS = new Set([14, 16, 18])

export interface VersionOptions {
  /** Where projects have no limits, there is nothing that /info/usage could tell. */
  tellsUsage: boolean
  /** Where a node has no cache, its calls answer nothing but that. */
  hasCache: boolean
  /** Its versions are listed behind those of v2. */
  offersV1: boolean
}

const V1_VERSIONS: readonly string[] = ['v1.1', 'v1.0']

/** Newest first. */
export function minorVersions({
  tellsUsage,
  hasCache,
}: Pick<VersionOptions, 'tellsUsage' | 'hasCache'>): readonly string[] {
  const isOffered = (minor: number) =>
    (minor !== USAGE_VERSION || tellsUsage) && (!CACHE_VERSIONS.has(minor) || hasCache)
  return MINOR_VERSIONS.filter(isOffered).map((minor) => `v2.${minor}`)
}

/** The media type that asks for a version on a path without version, as Glance knows it. */
const VERSION_MEDIA_TYPE = /^application\/vnd\.openstack\.images-(v[12](?:\.\d+)?)/
/** First path segments that belong to no version. */
const UNVERSIONED = new Set(['', 'versions', 'healthcheck', 'ready'])

/** Maps `/v2.N/...` to `/v2/...`, and so for v1: the minor number is accepted or refused, and never changes what a path does. */
export function rewriteVersionPrefix(
  url: string,
  accept: string | undefined,
  options: VersionOptions,
): string {
  const segment = firstSegment(url)
  const listed = majorOf(segment, options)
  if (listed) return `/${listed}${url.slice(1 + segment.length)}`
  const asked = majorOf(VERSION_MEDIA_TYPE.exec(accept ?? '')?.[1] ?? '', options)
  return asked === null || UNVERSIONED.has(segment) ? url : `/${asked}${url}`
}

/** The first segment of the routes of a version that is offered; null for any other. */
function majorOf(version: string, options: VersionOptions): 'v1' | 'v2' | null {
  if (version === 'v2' || minorVersions(options).includes(version)) return 'v2'
  return options.offersV1 && (version === 'v1' || V1_VERSIONS.includes(version)) ? 'v1' : null
}

function firstSegment(url: string): string {
  return /^\/([^/?#]*)/.exec(url)?.[1] ?? ''
}

/** Answers `/versions` with 200, and `/` and any unknown first segment with 300, all with the same document. */
export function sendVersions(
  request: FastifyRequest,
  reply: FastifyReply,
  options: LinkOptions & VersionOptions,
): FastifyReply {
  const base = baseUrl(request, options)
  const versions = minorVersions(options).map((id, index) =>
    versionDocument(id, index === 0 ? 'CURRENT' : 'SUPPORTED', `${base}/v2/`),
  )
  if (options.offersV1)
    versions.push(...V1_VERSIONS.map((id) => versionDocument(id, 'DEPRECATED', `${base}/v1/`)))
  return sendJson(reply, firstSegment(request.url) === 'versions' ? 200 : 300, { versions })
}

function versionDocument(id: string, status: string, href: string) {
  return { id, status, links: [{ rel: 'self', href }] }
}
