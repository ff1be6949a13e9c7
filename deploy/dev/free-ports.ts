/** Finds out whether ports can be had, before anything is started on them. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** Those of `ports` on which somebody else listens. */
export async function busyPorts(host: string, ports: readonly number[]): Promise<number[]> {
  const busy: number[] = []
  for (const port of ports) if (!(await isFree(host, port))) busy.push(port)
  return busy
}

/** Who listens on a port has it; null: somebody else does. It holds no process up. */
export async function takePort(host: string, port: number): Promise<Server | null> {
  const server = createServer().listen(port, host).unref()
  try {
    await once(server, 'listening')
    return server
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null
    throw error
  }
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = await takePort(host, port)
  if (!server) return false
  server.close()
  await once(server, 'close')
  return true
}
