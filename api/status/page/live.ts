/** Documents of the node, asked for again and again while the page is looked at, each with its age. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { ask, RequestError } from './operator-api.ts'

export interface Live<T> {
  /** The latest that came; null before the first. It stays when later ones fail. */
  document: T | null
  /** When it came, ms of the page's own clock. */
  receivedMs: number
  /** Why the latest request failed; null when it did not. */
  failure: RequestError | null
  /** Asks now. */
  refresh: () => void
}

/** Two looks that failed, and a little: then what is shown counts as unknown. */
export const STALE_AFTER_MS = 12_000
const SECOND_MS = 1000

/** Asks for `path` at once and then `everyMs` after each answer; not while the page is hidden. */
export function useLive<T>(path: string, everyMs: number): Live<T> {
  const [state, setState] = useState<Omit<Live<T>, 'refresh'>>({
    document: null,
    receivedMs: 0,
    failure: null,
  })
  const askNow = useRef(() => {})
  useEffect(() => {
    let isOver = false
    let timer = 0
    let turn = 0
    const look = async () => {
      clearTimeout(timer)
      const mine = ++turn
      const next = await ask<T>(path).then(
        (document) => ({ document, receivedMs: Date.now(), failure: null }),
        (error: unknown) => ({ failure: asRequestError(error) }),
      )
      // An answer that was overtaken, by a later request or another page, would only set things back.
      if (isOver || mine !== turn) return
      setState((before) => ({ ...before, ...next }))
      if (!document.hidden) timer = window.setTimeout(() => void look(), everyMs)
    }
    const onVisible = () => {
      if (!document.hidden) void look()
    }
    askNow.current = () => void look()
    document.addEventListener('visibilitychange', onVisible)
    void look()
    return () => {
      isOver = true
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', onVisible)
    }
  }, [path, everyMs])
  return { ...state, refresh: () => askNow.current() }
}

/** The page's clock, each second: ages go on while nothing comes. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), SECOND_MS)
    return () => clearInterval(timer)
  }, [])
  return now
}

function asRequestError(error: unknown): RequestError {
  return error instanceof RequestError ? error : new RequestError(0, String(error))
}
