import type { Metric } from 'prom-client'

/**
 * The values of a metric when the page is requested: one value, or one for each combination of
 * labels, in the order of the labels.
 */
export type Values = number | Iterable<readonly [...labels: string[], value: number]>

/** Adds metrics to the page. Their names are prefixed with `tidings_`. */
export interface Show {
  /** Adds a value that can go up and down. */
  gauge(name: string, help: string, read: () => Values, labels?: readonly string[]): void
  /** Adds a value that only increases. */
  counter(name: string, help: string, read: () => Values, labels?: readonly string[]): void
  /** Adds a metric that is kept in a class of prom-client. */
  metric(metric: Metric): void
  /** Registers a function that runs, and is awaited, before the values are read. */
  before(look: () => Promise<void>): void
}
