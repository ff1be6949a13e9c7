/** Runs a move from its list of images to its report. */
import type { MovedImage } from '../../images/moved-image.ts'
import { type CliIo, EXIT_FAILED, EXIT_NOT_ASKED, EXIT_OK, NotAskedError } from '../cli-io.ts'
import { OperatorClient } from '../operator-client.ts'
import type { StatusFormat } from '../status-view.ts'
import { ClusterImages } from './cluster-images.ts'
import { ImageExport } from './image-export.ts'
import { ImageImport } from './image-import.ts'
import type { ImagePlace, ImageSource, SourceList } from './image-source.ts'
import { MovingProgress } from './moving-progress.ts'
import { isComplete, leftOutLine, renderReport, reportOf, type MovedLine } from './moving-report.ts'
import { runParallel } from './run-parallel.ts'

export interface MovingFlags {
  /** The operator port of a node. */
  url: string
  format: StatusFormat
  parallel: number
}

export interface ImportFlags extends MovingFlags {
  dryRun?: true
  overwrite?: true
}

/** Answers the exit code of the process. */
export async function importCommand(
  source: ImageSource,
  ids: readonly string[],
  flags: ImportFlags,
  io: CliIo,
): Promise<number> {
  const cluster = new ClusterImages(new OperatorClient(flags.url))
  return run({ source, to: cluster.name, ids, flags, io }, (progress) => {
    const options = { overwrite: flags.overwrite === true, dryRun: flags.dryRun === true }
    return new ImageImport({ source, cluster, progress }, options)
  })
}

export async function exportCommand(
  place: ImagePlace,
  ids: readonly string[],
  flags: MovingFlags,
  io: CliIo,
): Promise<number> {
  const source = new ClusterImages(new OperatorClient(flags.url))
  await place.prepare()
  return run(
    { source, to: place.name, ids, flags, io },
    (progress) => new ImageExport({ source, files: place, progress }),
  )
}

interface Run {
  source: ImageSource
  to: string
  /** Only these; empty: all. */
  ids: readonly string[]
  flags: MovingFlags
  io: CliIo
}

interface Mover {
  move(image: MovedImage): Promise<MovedLine>
}

async function run(
  { source, to, ids, flags, io }: Run,
  moverWith: (progress: MovingProgress) => Mover,
): Promise<number> {
  const startedAt = new Date().toISOString()
  const progress = new MovingProgress(io)
  const lines: MovedLine[] = []
  let broken: unknown = null
  try {
    const { images, leftOut } = only(ids, await source.list())
    lines.push(...leftOut.map(leftOutLine))
    progress.expect(images.map(({ size }) => size))
    const mover = moverWith(progress)
    await runParallel(images, flags.parallel, async (image) => {
      const line = await mover.move(image)
      lines.push(line)
      progress.noteDone(line)
    })
  } catch (error) {
    if (!(error instanceof NotAskedError)) throw error
    broken = error
  } finally {
    progress.end()
  }
  const { seconds, bytesSent } = progress
  const report = reportOf({ from: source.name, to, startedAt, seconds, bytesSent }, lines)
  io.print(renderReport(report, flags.format))
  if (!broken) return isComplete(report) ? EXIT_OK : EXIT_FAILED
  io.complain(`serac: ${(broken as Error).message}; start it again to go on.\n`)
  return EXIT_NOT_ASKED
}

/** Throws an Error when one of them is not there. */
function only(ids: readonly string[], { images, leftOut }: SourceList): SourceList {
  if (ids.length === 0) return { images, leftOut }
  const isWanted = ({ id }: { id: string }) => ids.includes(id)
  const missing = ids.find((id) => ![...images, ...leftOut].some((known) => known.id === id))
  if (missing !== undefined) throw new Error(`There is no image ${missing}.`)
  return { images: images.filter(isWanted), leftOut: leftOut.filter(isWanted) }
}
