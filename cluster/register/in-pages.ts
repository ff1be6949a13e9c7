/** Works on many keys, `atOnce` at a time. Rejects as the first that fails, and begins no more then. */
export async function inPages(
  keys: readonly string[],
  atOnce: number,
  work: (key: string) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < keys.length; from += atOnce)
    await Promise.all(keys.slice(from, from + atOnce).map(work))
}
