/** Starts a worker thread from a source file beside the one that asks, wherever the sources run from. */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

/**
 * The thread of `./<name>` beside the module `parentUrl`. In dist/ that is a .js file; in tests and development it is
 * TypeScript, and tsx hooks into main threads only. `data`: what the thread finds as its `workerData`.
 */
export function startThread(name: string, parentUrl: string, data?: unknown): Worker {
  const extension = extname(parentUrl)
  const file = new URL(`./${name}${extension}`, parentUrl)
  // No flags of the parent's: its --import files are for the main thread.
  const options = { execArgv: [], workerData: data }
  if (extension === '.js') return new Worker(file, options)
  const loader = import.meta.resolve('tsx/esm/api')
  const script = `import { register } from '${loader}'; register(); await import('${file.href}')`
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), options)
}
