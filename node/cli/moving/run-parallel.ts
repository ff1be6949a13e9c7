/** Some of many tasks at a time, in their order. Rejects with the first error, when those under way have ended. */
export async function runParallel<T>(
  items: readonly T[],
  atOnce: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0
  let failure: { error: unknown } | null = null
  const lane = async () => {
    while (next < items.length && !failure) {
      const item = items[next++]!
      await task(item).catch((error: unknown) => {
        failure ??= { error }
      })
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane))
  const failed = failure as { error: unknown } | null
  if (failed) throw failed.error
}
