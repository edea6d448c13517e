/** `tidings/async`: helpers for asynchronous code, without dependencies. */
export { createBatchLoader } from './batch-loader.ts'
export { interruptible, mapIterable } from './interruptible.ts'
export { createKeyedQueue } from './keyed-queue.ts'
export { createPeriodic } from './periodic.ts'
export { createSingleFlight, type SingleFlight } from './single-flight.ts'
export { withTimeout } from './timeout.ts'
