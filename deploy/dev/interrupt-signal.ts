/** Aborted by Ctrl-C or SIGTERM, so that what was started can be ended before the process is. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM']) {
    process.once(name, () => controller.abort(new Error(`interrupted by ${name}`)))
  }
  return controller.signal
}
