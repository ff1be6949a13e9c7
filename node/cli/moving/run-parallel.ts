/** Some of many tasks at a time, in their order. Rejects with the first error, when those under way have ended. */
export async function runParallel<T>(
  items: readonly T[],
  atOnce: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values()
  const failures: unknown[] = []
  // All lanes take from one iterator: each item is taken once.
  const lane = async () => {
    for (const item of waiting) {
      if (failures.length > 0) return
      await task(item).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane))
  if (failures.length > 0) throw failures[0]
}
