/** Where the operator page begins. */
import { render } from 'preact'
import { App } from './app.tsx'
import { applyTheme } from './theme-switch.tsx'

const place = document.getElementById('app')
if (place) {
  applyTheme()
  place.replaceChildren()
  render(<App />, place)
}
