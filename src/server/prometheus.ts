import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
import type { Live } from '../live/shared.ts'
import type { Engine } from '../tasks/engine.ts'
import type { ServerMetrics } from './metrics.ts'
import { showEngine, showRecord, showWorker } from './prometheus-engine.ts'
import { showLive, showServer } from './prometheus-server.ts'

/** The metrics of a process in Prometheus' text format. */
export interface MetricsPage {
  readonly type: string
  render(): Promise<string>
}

/** The values of a metric when the page is asked for: one value, or one for each combination of labels, in their order. */
export type Values = number | Iterable<readonly [...labels: string[], value: number]>

/** Puts metrics on the page. Their names get `tidings_` in front. */
export interface Show {
  /** What goes up and down. */
  gauge(name: string, help: string, read: () => Values, labels?: readonly string[]): void
  /** What only goes up. */
  counter(name: string, help: string, read: () => Values, labels?: readonly string[]): void
  /** A metric that somebody keeps in prom-client's own classes. */
  metric(metric: Metric): void
  /** Is done, and waited for, before the values are read. */
  before(look: () => Promise<void>): void
}

/**
 * Creates the page of metrics of a process, whatever it does: what the engine, the server and live delivery count, the state
 * of PostgreSQL and Redis, and Node's own (memory, garbage collection, lag of the event loop). `docs/operations.md` says
 * what each means and when to worry.
 *
 * Values are read from the counters where they are kept, when the page is asked for: nothing on the way of an event counts twice.
 *
 * @param options.metrics - of the server; null in a process that has none
 * @param options.live - live delivery; null in a process that has none
 */
export function createMetricsPage({
  engine,
  metrics,
  live,
}: {
  readonly engine: Engine
  readonly metrics: ServerMetrics | null
  readonly live: Live | null
}): MetricsPage {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const looks: (() => Promise<void>)[] = []
  const show: Show = {
    gauge(name, help, read, labels = []) {
      new Gauge({
        name: `tidings_${name}`,
        help,
        labelNames: [...labels],
        registers: [registry],
        collect() {
          this.reset()
          for (const [named, value] of readValues(read, labels)) this.set(named, value)
        },
      })
    },
    counter(name, help, read, labels = []) {
      new Counter({
        name: `tidings_${name}`,
        help,
        labelNames: [...labels],
        registers: [registry],
        collect() {
          this.reset()
          for (const [named, value] of readValues(read, labels)) this.inc(named, value)
        },
      })
    },
    metric: (metric) => registry.registerMetric(metric),
    before: (look) => void looks.push(look),
  }
  showEngine(show, engine)
  showRecord(show, engine)
  if (engine.worker !== null) showWorker(show, engine.worker)
  if (metrics !== null) showServer(show, metrics)
  if (live !== null) showLive(show, live)
  return {
    type: registry.contentType,
    async render() {
      await Promise.all(looks.map((look) => look()))
      return registry.metrics()
    },
  }
}

function readValues(
  read: () => Values,
  labels: readonly string[],
): readonly (readonly [named: Record<string, string>, value: number])[] {
  const values = read()
  if (typeof values === 'number') return [[{}, values]]
  return [...values].map((one) => [
    Object.fromEntries(labels.map((label, index) => [label, String(one[index])])),
    Number(one.at(-1)),
  ])
}
