/** Limit of the JavaScript heap of a generation process; a document of 25 MB takes half of it. */
export const maxHeapBytes = 536_870_912
/** Limit of the whole memory of a generation process. */
export const maxMemoryBytes = 805_306_368
/** A process with more memory at the end of a job is not used again: the next job would have less than half of the limit. */
export const maxKeptBytes = maxMemoryBytes / 2
/** Processor time of one job. A piece of content takes less than a second, the outline of 25 MB about five. */
export const maxJobCpuMs = 30_000
/** Wall-clock limit of one job: for hangs, and on machines that have no processor time left. */
export const jobTimeoutMs = 300_000
/** Number of generation processes per worker; further jobs wait. */
export const maxProcesses = 2
/** An idle process ends after this time; the next job starts one, which takes half a second. */
export const idleMs = 60_000
