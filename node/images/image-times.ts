/** ISO-8601 with second precision and Z, as Glance shows times. */
export function isoSeconds(wallMs: number): string {
  return wholeSeconds(new Date(wallMs).toISOString())
}

/** An ISO-8601 time of UTC without its fraction. */
export function wholeSeconds(iso: string): string {
  return `${iso.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}Z`
}
