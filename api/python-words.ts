/** What Glance reads as yes (oslo.utils, bool_from_string): whatever else there is means no. */
const YES = new Set(['1', 't', 'true', 'on', 'y', 'yes'])

export function isYes(text: string): boolean {
  return YES.has(text.trim().toLowerCase())
}
