import { type ReactElement, type ReactNode, useEffect, useId, useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

/** The colours of the page, in the form that a canvas needs. */
export interface Palette {
  readonly ink: string
  readonly soft: string
  readonly line: string
  readonly accent: string
  readonly busy: string
}

/**
 * Creates the chart options from the colours of the page. It is part of the chart's identity:
 * define it outside components, or memoise it.
 */
type Drawing = (palette: Palette) => Omit<uPlot.Options, 'width' | 'height'>

/** An entry of the chart's legend. */
export interface Key {
  readonly label: string
  readonly sign: 'box' | 'dot' | 'line' | 'dash'
  readonly color: 'accent' | 'busy' | 'soft'
}

const heightPx = 220

function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement)
  const read = (name: string): string => style.getPropertyValue(name).trim()
  return {
    ink: read('--ink'),
    soft: read('--ink-soft'),
    line: read('--line'),
    accent: read('--accent'),
    busy: read('--busy'),
  }
}

function usePalette(): Palette {
  const [palette, setPalette] = useState(readPalette)
  useEffect(() => {
    const query = window.matchMedia('(prefers-color-scheme: dark)')
    const change = (): void => setPalette(readPalette())
    query.addEventListener('change', change)
    return () => query.removeEventListener('change', change)
  }, [])
  return palette
}

/**
 * A live chart. For screen readers it is an image with a description; `children` contains the same
 * data as a table that any user can open.
 *
 * @param props.data - in uPlot's format: the x values, then the values of each series
 * @param props.summary - describes the chart in a sentence
 */
export function Chart(props: {
  readonly title: string
  readonly summary: string
  readonly drawing: Drawing
  readonly data: uPlot.AlignedData
  readonly keys: readonly Key[]
  readonly aside?: ReactNode
  readonly children: ReactNode
}): ReactElement {
  const { title, summary, drawing, data, keys, aside, children } = props
  const heading = useId()
  const palette = usePalette()
  const options = useMemo(() => drawing(palette), [drawing, palette])
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(data)

  useEffect(() => {
    const element = holder.current
    if (element === null) return
    const size = (): { width: number; height: number } => ({ width: element.clientWidth, height: heightPx })
    const instance = new uPlot({ ...options, ...size() }, latest.current, element)
    plot.current = instance
    const observer = new ResizeObserver(() => instance.setSize(size()))
    observer.observe(element)
    return () => {
      observer.disconnect()
      instance.destroy()
      plot.current = null
    }
  }, [options])
  useEffect(() => {
    latest.current = data
    plot.current?.setData(data)
  }, [data])

  return (
    <section className="chart" aria-labelledby={heading}>
      <div className="chart-head">
        <h2 id={heading}>{title}</h2>
        {aside}
      </div>
      <div role="img" aria-label={summary}>
        <div ref={holder} className="chart-plot" />
        <p className="chart-keys">
          {keys.map(({ label, sign, color }) => (
            <span key={label} data-sign={sign} data-color={color}>
              {label}
            </span>
          ))}
        </p>
      </div>
      <details>
        <summary>
          As a table<span className="tidings-hidden">: {title}</span>
        </summary>
        <div className="chart-table">{children}</div>
      </details>
    </section>
  )
}
