/** Runs a move from its list of images to its report. */
import type { MovedImage } from '../../images/moved-image.ts'
import type { CliIo } from '../cli-io.ts'
import { OperatorClient } from '../operator-client.ts'
import type { StatusFormat } from '../status-view.ts'
import { ClusterImages } from './cluster-images.ts'
import { ImageExport } from './image-export.ts'
import { ImageImport } from './image-import.ts'
import type { ImagePlace, ImageSource, SourceList } from './image-source.ts'
import type { MovingProgress } from './moving-progress.ts'
import { leftOutLine, type MovedLine } from './moving-report.ts'
import { runMoves } from './run-moves.ts'
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
  /** Stores of the cluster that have the bytes already. */
  adopt?: string[]
}

/** Answers the exit code of the process. */
export async function importCommand(
  source: ImageSource,
  ids: readonly string[],
  flags: ImportFlags,
  io: CliIo,
): Promise<number> {
  const cluster = new ClusterImages(new OperatorClient(flags.url), flags.adopt)
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
  const { format, parallel } = flags
  return runMoves({ from: source.name, to, format, io }, async (progress, lines) => {
    const { images, leftOut } = only(ids, await source.list())
    for (const image of leftOut) lines.set(image.id, leftOutLine(image))
    progress.expect(images.map(({ size }) => size))
    const mover = moverWith(progress)
    await runParallel(images, parallel, async (image) => {
      const line = await mover.move(image)
      lines.set(image.id, line)
      progress.noteDone(line)
    })
  })
}

/** Throws an Error when one of them is not there. */
function only(ids: readonly string[], { images, leftOut }: SourceList): SourceList {
  if (ids.length === 0) return { images, leftOut }
  const isWanted = ({ id }: { id: string }) => ids.includes(id)
  const missing = ids.find((id) => ![...images, ...leftOut].some((known) => known.id === id))
  if (missing !== undefined) throw new Error(`There is no image ${missing}.`)
  return { images: images.filter(isWanted), leftOut: leftOut.filter(isWanted) }
}
