/** Light, dark, or as the system has it. */
import { useState } from 'preact/hooks'

type Theme = 'auto' | 'light' | 'dark'

const THEME_KEY = 'serac.theme'
const THEMES: readonly Theme[] = ['auto', 'light', 'dark']
/** Charts are drawn in colours that they look up once. */
export const THEME_EVENT = 'serac-theme'

export function applyTheme(): void {
  const theme = keptTheme()
  if (theme === 'auto') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
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
    <fieldset class="themes">
      <legend class="unseen">Colours</legend>
      {THEMES.map((each) => (
        <label key={each}>
          <input
            type="radio"
            name="theme"
            class="unseen"
            checked={theme === each}
            onChange={() => choose(each)}
          />
          <span>{each}</span>
        </label>
      ))}
    </fieldset>
  )
}

function keptTheme(): Theme {
  const kept = localStorage.getItem(THEME_KEY)
  return THEMES.find((theme) => theme === kept) ?? 'auto'
}
