/** ISO-8601 with second precision and Z, as Glance shows times. */
export function isoSeconds(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19)}Z`
}
