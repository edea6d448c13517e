import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Live } from '../../../live/live.ts'
import type { Engine } from '../../../tasks/engine.ts'
import type { ServerMetrics } from '../../connections/server-metrics.ts'
import type { Show, Values } from './show.ts'
import { showDatabase, showEngine, showWorker } from './show-engine.ts'
import { showLive, showServer } from './show-server.ts'

/** The metrics of a process in Prometheus' text format. */
export interface MetricsPage {
  readonly type: string
  render(): Promise<string>
}

/**
 * Creates the metrics page of a process, for any role: the counters of the engine, the server and
 * live delivery, the state of PostgreSQL and Redis, and Node's own metrics (memory, garbage
 * collection, event loop lag). `docs/operations.md` explains what each metric means and when to
 * act.
 *
 * Values are read from the existing counters when the page is requested, so the delivery path of an
 * event does no extra counting.
 *
 * @param options.metrics - of the server; null in a process without one
 * @param options.live - live delivery; null in a process without it
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
  const createShow =
    (Metric: typeof Counter | typeof Gauge): Show['gauge'] =>
    (name, help, read, labels = []) => {
      new Metric({
        name: `tidings_${name}`,
        help,
        labelNames: [...labels],
        registers: [registry],
        collect() {
          this.reset()
          for (const [labelValues, value] of readValues(read, labels)) this.inc(labelValues, value)
        },
      })
    }
  const show: Show = {
    gauge: createShow(Gauge),
    counter: createShow(Counter),
    metric: (metric) => registry.registerMetric(metric),
    before: (look) => void looks.push(look),
  }
  showEngine(show, engine)
  showDatabase(show, engine)
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
  return [...values].map((value) => [
    Object.fromEntries(labels.map((label, index) => [label, String(value[index])])),
    Number(value.at(-1)),
  ])
}
