/** What is measured of image data. Each run leaves nothing behind at the server but what later runs need. */
import { randomFillSync } from 'node:crypto'
import type { FreshFile } from './fresh-file.ts'
import { HttpConnection, requestBytes } from './http-connection.ts'
import { ask, createImage, deleteImage, download, smallCycle, uploadFile } from './image-client.ts'
import type { ImageServer } from './image-server.ts'
import type { Run } from './paired-runs.ts'
import { watched } from './watch.ts'

/** What measures work with. */
export interface DataBed {
  files: readonly FreshFile[]
  /** Of each measure that counts requests. */
  seconds: number
  /** An image at each server that was downloaded before. */
  hotImage: (server: ImageServer) => string
}

export interface DataMeasure {
  name: string
  /** How many files it uploads at once. */
  uploads: number
  run: (server: ImageServer, bed: DataBed) => Promise<Run>
}

const CLIENTS = 8
const SMALL_BYTES = 100 * 1024

export const DATA_MEASURES: readonly DataMeasure[] = [
  transferring('1 upload', 1, 0),
  transferring('4 uploads', 4, 0),
  transferring('1 download', 0, 1),
  transferring('8 downloads', 0, 8),
  transferring('8 up, 16 down', 8, 16),
  {
    name: 'small cycle',
    uploads: 0,
    run: (server, bed) => requests(server, bed, smallCycleOf()),
  },
  {
    name: 'show',
    uploads: 0,
    run: (server, bed) => {
      const show = requestBytes('GET', `/v2/images/${bed.hotImage(server)}`)
      return requests(server, bed, (connection) => ask(connection, show, 200))
    },
  },
  {
    name: 'list',
    uploads: 0,
    run: (server, bed) => {
      const list = requestBytes('GET', '/v2/images?limit=100')
      return requests(server, bed, (connection) => ask(connection, list, 200))
    },
  },
]

function transferring(name: string, uploads: number, downloads: number): DataMeasure {
  return { name, uploads, run: (server, bed) => transfer(server, bed, uploads, downloads) }
}

/** Whole images, all at once. */
async function transfer(server: ImageServer, bed: DataBed, uploads: number, downloads: number): Promise<Run> {
  const { port } = server
  const files = bed.files.slice(0, uploads)
  for (const file of files) await file.refresh()
  const ids = await Promise.all(files.map(() => createImage(port)))
  const run = await timed(server, async () => {
    const up = files.map((file, index) => uploadFile(port, ids[index] as string, file.path))
    const down = Array.from({ length: downloads }, () => download(port, bed.hotImage(server)))
    await Promise.all([...up, ...down])
  })
  for (const id of ids) await deleteImage(port, id)
  const bytes = (uploads + downloads) * (bed.files[0] as FreshFile).sizeBytes
  return { ...run, bytes, operations: 0 }
}

/** As many as `CLIENTS` connections can do within the time; what is under way at its end still counts. */
async function requests(
  server: ImageServer,
  { seconds }: DataBed,
  act: (connection: HttpConnection) => Promise<unknown>,
): Promise<Run> {
  let operations = 0
  const endMs = performance.now() + seconds * 1000
  const run = await timed(server, async () => {
    const drive = async () => {
      const connection = await HttpConnection.open(server.port)
      for (; performance.now() < endMs; operations++) await act(connection)
      connection.close()
    }
    await Promise.all(Array.from({ length: CLIENTS }, drive))
  })
  return { ...run, operations, bytes: 0 }
}

function smallCycleOf(): (connection: HttpConnection) => Promise<void> {
  return (connection) => smallCycle(connection, randomFillSync(Buffer.alloc(SMALL_BYTES)))
}

async function timed(
  server: ImageServer,
  work: () => Promise<void>,
): Promise<Omit<Run, 'bytes' | 'operations'>> {
  let seconds = 0
  const seen = await watched(server, async () => {
    const beganMs = performance.now()
    await work()
    seconds = (performance.now() - beganMs) / 1000
  })
  return { ...seen, seconds }
}
