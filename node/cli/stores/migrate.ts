/** `serac stores migrate`: from the list of the images that a store has to the report of those that were moved. */
import type { StoredImageView, StoreImagesPage } from '../../status/store-admin.ts'
import type { CliIo } from '../cli-io.ts'
import type { MovedLine } from '../moving/moving-report.ts'
import { runMoves } from '../moving/run-moves.ts'
import { runParallel } from '../moving/run-parallel.ts'
import { OperatorClient } from '../operator-client.ts'
import type { StatusFormat } from '../status-view.ts'
import { StoreMoveClient, type WantedImage } from './store-move.ts'

export interface MigrateFlags {
  url: string
  format: StatusFormat
  parallel: number
  from: string
  to: string
  image?: string[]
  keepSource?: true
  /** Bytes a second. */
  rate?: number
  dryRun?: true
}

/** Answers the exit code of the process. Throws an Error with what the node said. */
export async function migrateCommand(flags: MigrateFlags, io: CliIo): Promise<number> {
  const { from, to, rate = null, keepSource = false, dryRun = false } = flags
  const client = new OperatorClient(flags.url)
  const options = { from, to, keepSource, bytesPerSecondMax: rate }
  return runMoves({ from, to, format: flags.format, io }, async (progress, lines) => {
    const mover = new StoreMoveClient(client, options, (count) => progress.noteBytes(count))
    // While it works, uploads may bring others.
    for (let images = await wanted(client, flags); images.length > 0;) {
      progress.expect(
        [...lines.values(), ...images.map(({ sizeBytes: size }) => ({ size }))].map(({ size }) => size),
      )
      await runParallel(images, flags.parallel, async (image) => {
        const line = dryRun ? toMove(image) : await mover.move(image)
        lines.set(image.id, line)
        progress.noteDone(line)
      })
      images = (await wanted(client, flags)).filter(({ id }) => !lines.has(id))
    }
  })
}

/** Those that are named, or all that are still to be moved. */
async function wanted(
  client: OperatorClient,
  { from, to, image, keepSource }: MigrateFlags,
): Promise<WantedImage[]> {
  const listed = await imagesIn(client, from)
  if (image === undefined)
    return listed
      .filter(({ stores }) => !keepSource || !stores.includes(to))
      .map((each) => ({ ...each, isNamed: false }))
  return [...new Set(image)].map((id) => {
    const { name = null, sizeBytes = null } = listed.find((each) => each.id === id) ?? {}
    return { id, name, sizeBytes, isNamed: true }
  })
}

async function imagesIn(client: OperatorClient, store: string): Promise<StoredImageView[]> {
  const images: StoredImageView[] = []
  const path = `/v1/cluster/stores/${encodeURIComponent(store)}/images`
  for (let marker: string | null = ''; marker !== null;) {
    const asked: string = marker === '' ? path : `${path}?marker=${encodeURIComponent(marker)}`
    const page = (await client.send('GET', asked)) as StoreImagesPage
    images.push(...page.images)
    marker = page.marker
  }
  return images
}

function toMove({ id, name, sizeBytes }: WantedImage): MovedLine {
  return { id, name, size: sizeBytes, outcome: 'to-move', detail: '', needsAttention: false }
}
