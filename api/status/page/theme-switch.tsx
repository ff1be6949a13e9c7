/** Light, dark, or as the system has it. */
import { useState } from 'preact/hooks'
import { Choice } from './choice.tsx'

type Theme = 'auto' | 'light' | 'dark'

const THEME_KEY = 'serac.theme'
const THEMES: readonly Theme[] = ['auto', 'light', 'dark']
/** For which screens the dark colours are, in dark.css; as index.html begins. */
const DARK_FOR: Readonly<Record<Theme, string>> = {
  auto: '(prefers-color-scheme: dark)',
  light: 'not all',
  dark: 'all',
}
/** Charts are drawn in colours that they look up once. */
export const THEME_EVENT = 'serac-theme'

export function applyTheme(): void {
  const dark = document.querySelector<HTMLLinkElement>('#dark')
  if (dark) dark.media = DARK_FOR[keptTheme()]
  window.dispatchEvent(new Event(THEME_EVENT))
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState(keptTheme)
  const choose = (next: Theme) => {
    localStorage.setItem(THEME_KEY, next)
    setTheme(next)
    applyTheme()
  }
  return (
    <Choice
      legend="Colours"
      class="themes"
      name="theme"
      options={THEMES.map((each) => [each, each] as const)}
      value={theme}
      onChoose={choose}
    />
  )
}

function keptTheme(): Theme {
  const kept = localStorage.getItem(THEME_KEY)
  return THEMES.find((theme) => theme === kept) ?? 'auto'
}
