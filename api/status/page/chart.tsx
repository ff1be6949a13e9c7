/** Lines over time. For whoever cannot see them, `label` says what they show; the figures are in tables beside. */
import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import { THEME_EVENT } from './theme-switch.tsx'
import { bytes } from './words.ts'

export interface ChartLine {
  label: string
  /** One for each time; null: nothing is known of it. */
  values: (number | null)[]
}

export interface ChartProps {
  /** Seconds since 1970. */
  times: number[]
  lines: ChartLine[]
  label: string
}

const HEIGHT_PX = 180
const AXIS_WIDTH_PX = 76
/** A shorter time than this is shown at the right of so much. */
const SPAN_S_MIN = 300
const DAY_S = 86_400
/** Grid lines at round figures of bytes. */
const STEPS_BYTES = Array.from({ length: 60 }, (_, power) => 2 ** power)
/** Lines are told apart by these, and by what the legend says of each. */
const LINE_COLOURS = ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5']
const DASHES = [[], [6, 4], [2, 3], [8, 3, 2, 3], [12, 4]]

export function Chart({ times, lines, label }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<UPlot | null>(null)
  const data: UPlot.AlignedData = [times, ...lines.map(({ values }) => values)]
  const latest = useRef(data)
  latest.current = data
  const names = lines.map((line) => line.label).join('\n')
  useEffect(() => {
    const element = place.current
    if (!element) return
    const draw = () => {
      chart.current?.destroy()
      chart.current = new UPlot(optionsFor(element, names.split('\n')), latest.current, element)
    }
    const resize = new ResizeObserver(() =>
      chart.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    )
    const dark = matchMedia('(prefers-color-scheme: dark)')
    draw()
    resize.observe(element)
    dark.addEventListener('change', draw)
    window.addEventListener(THEME_EVENT, draw)
    return () => {
      resize.disconnect()
      dark.removeEventListener('change', draw)
      window.removeEventListener(THEME_EVENT, draw)
      chart.current?.destroy()
      chart.current = null
    }
  }, [names])
  useEffect(() => chart.current?.setData(latest.current), [data])
  return (
    <figure class="chart">
      <div ref={place} role="img" aria-label={label} />
      <figcaption>
        {lines.map((line, index) => (
          <span key={line.label} class={`legend-line line-${(index % LINE_COLOURS.length) + 1}`}>
            <svg viewBox="0 0 24 4" aria-hidden="true">
              <path d="M0 2h24" stroke-dasharray={(DASHES[index % DASHES.length] ?? []).join(' ')} />
            </svg>
            {line.label}
          </span>
        ))}
      </figcaption>
    </figure>
  )
}

function optionsFor(element: HTMLElement, names: readonly string[]): UPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const font = '12px "IBM Plex Sans", sans-serif'
  const axis = {
    stroke: colour('--ink-2'),
    font,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1, size: 4 },
  }
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: timeRange },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      { ...axis, values: timesOf },
      { ...axis, size: AXIS_WIDTH_PX, incrs: STEPS_BYTES, values: (_, splits) => splits.map(bytes) },
    ],
    series: [
      {},
      ...names.map((label, index) => ({
        label,
        stroke: colour(LINE_COLOURS[index % LINE_COLOURS.length] ?? '--ink'),
        width: 1.75,
        dash: DASHES[index % DASHES.length] ?? [],
        points: { show: false },
      })),
    ],
  }
}

function timesOf(_: UPlot, splits: number[]): string[] {
  const isLong = (splits.at(-1) ?? 0) - (splits[0] ?? 0) > DAY_S
  return splits.map((at) => {
    const date = new Date(at * 1000)
    return isLong
      ? date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
      : date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  })
}

/** By the data itself: of a short time the chart would make years. */
function timeRange({ data: [times] }: UPlot): [number, number] {
  const last = times.at(-1) ?? 0
  return [Math.min(times[0] ?? 0, last - SPAN_S_MIN), last]
}
