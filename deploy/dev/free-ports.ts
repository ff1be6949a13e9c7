/** Finds out whether ports can be had, before anything is started on them. */
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Those of `ports` on which somebody else listens. */
export async function busyPorts(host: string, ports: readonly number[]): Promise<number[]> {
  const busy: number[] = []
  for (const port of ports) if (!(await isFree(host, port))) busy.push(port)
  return busy
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer().listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
  server.close()
  await once(server, 'close')
  return true
}
