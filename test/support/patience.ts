/**
 * How long a test waits for a state before it counts as hanging, in milliseconds. Timeouts only
 * detect hangs: a machine that is ten times slower must pass, so no test sets a shorter one.
 */
export const hangMs = 100_000
