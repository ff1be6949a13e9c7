/** Opens what operators name as the place of exported images: a directory, or `s3://BUCKET/PREFIX`. */
import { readFile } from 'node:fs/promises'
import { systemClock as clock } from '../../../cluster/runtime.ts'
import type { S3BackendOptions } from '../../backends/s3-backend.ts'
import { s3OptionsOf } from '../../composition/open-backends.ts'
import type { ConfigPaths } from '../../config/config-files.ts'
import type { Environment } from '../../config/environment.ts'
import { loadConfig } from '../../config/load.ts'
import type { ImagePlace } from './image-source.ts'

export interface PlaceFlags {
  /** A store of the configuration, whose host, region and keys are used. */
  s3Store?: string
  paths: ConfigPaths
}

type Server = Omit<S3BackendOptions, 'id' | 'bucket' | 'createBucket' | 'partBytes'>

const S3_PLACE = /^s3:\/\/([A-Za-z0-9][\w.-]{0,254})((?:\/(?!\.{1,2}(?:\/|$))[\w.-]+)*)\/?$/
const ANY_S3 = /^s3:\/\//i
const MIB = 1024 ** 2
/** Two of them are in memory for each image on its way. */
const PART_BYTES = 16 * MIB
const REGION_DEFAULT = 'us-east-1'

/** Throws an Error for what is no place, or without what one must know to get there. */
export async function openPlace(
  place: string,
  flags: PlaceFlags,
  environment: Environment,
): Promise<ImagePlace> {
  if (!ANY_S3.test(place)) {
    const { ImageFiles } = await import('./image-files.ts')
    return new ImageFiles(place)
  }
  const [, bucket, path = ''] = S3_PLACE.exec(place) ?? []
  if (bucket === undefined)
    throw new Error('A place in S3 is s3://BUCKET/PREFIX, of letters, digits, dots, _ and - between slashes.')
  const { s3Store } = flags
  const server =
    s3Store === undefined
      ? await serverOfEnvironment(environment, bucket)
      : await serverOfStore(s3Store, flags.paths, environment)
  const name = `s3://${bucket}${path}`
  const { S3Backend } = await import('../../backends/s3-backend.ts')
  const { ImageBucket } = await import('./image-bucket.ts')
  const backend = new S3Backend(clock, {
    ...server,
    id: name,
    bucket,
    createBucket: false,
    partBytes: PART_BYTES,
  })
  return new ImageBucket(backend, { name, prefix: path === '' ? '' : `${path.slice(1)}/` })
}

/** By the names that the clients of S3 have in common. */
async function serverOfEnvironment(environment: Environment, bucket: string): Promise<Server> {
  const said = (...names: string[]) => names.map((name) => environment[name]).find((value) => value)
  const accessKey = said('AWS_ACCESS_KEY_ID')
  const secretKey = said('AWS_SECRET_ACCESS_KEY')
  if (accessKey === undefined || secretKey === undefined)
    throw new Error(
      'S3 wants to know who asks: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a store of the ' +
        'configuration with --s3-store.',
    )
  const region = said('AWS_REGION', 'AWS_DEFAULT_REGION') ?? REGION_DEFAULT
  const written = said('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL') ?? `https://s3.${region}.amazonaws.com`
  const endpoint = URL.canParse(written) ? new URL(written) : null
  if (!endpoint || !['http:', 'https:'].includes(endpoint.protocol))
    throw new Error('AWS_ENDPOINT_URL is no http or https URL.')
  const isAmazon = endpoint.hostname.endsWith('.amazonaws.com')
  const sessionToken = said('AWS_SESSION_TOKEN')
  const bundle = said('AWS_CA_BUNDLE')
  return {
    endpoint: endpoint.origin,
    region,
    accessKey,
    secretKey,
    ...(sessionToken !== undefined && { sessionToken }),
    // A certificate for all names below a host holds for one label.
    style: isAmazon && !bucket.includes('.') ? 'virtual' : 'path',
    ca: bundle === undefined ? null : await readFile(bundle, 'utf8'),
  }
}

async function serverOfStore(id: string, paths: ConfigPaths, environment: Environment): Promise<Server> {
  const { config } = await loadConfig(paths, environment)
  const store = config.backends.find((backend) => backend.id === id)
  if (store?.type !== 's3') throw new Error(`The configuration has no store ${id} of type s3.`)
  return s3OptionsOf(store)
}
