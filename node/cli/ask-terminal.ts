/** Questions to whoever sits at the terminal. */
import { createInterface } from 'node:readline/promises'

/** The line that was typed; null when stdin is no terminal, so that a script never hangs in a question. */
export async function askTerminal(question: string): Promise<string | null> {
  if (!process.stdin.isTTY) return null
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await terminal.question(question)
  } finally {
    terminal.close()
  }
}
