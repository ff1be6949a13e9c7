/** Assigning this name would change an object's prototype, here or in any client. */
export const UNSAFE_NAME = '__proto__'

/** Whether a parsed JSON value is an object, and no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
