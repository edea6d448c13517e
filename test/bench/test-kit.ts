/** Measures `createTestTidings`: `node bin/run.js test/bench/test-kit.ts`, on the embedded PostgreSQL or on `DATABASE_URL`. */
import { createTestTidings } from 'tidings/testing'
import { exportReport } from '../../examples/http/tasks.ts'

const calls = 20

/** Returns the milliseconds until a test can start tasks, and those until its end was cleaned up. */
async function measureCall(): Promise<readonly [createMs: number, disposeMs: number]> {
  const startedAt = performance.now()
  const tidings = await createTestTidings({ tasks: [exportReport], databaseUrl: process.env['DATABASE_URL'] })
  const createdAt = performance.now()
  await tidings[Symbol.asyncDispose]()
  return [createdAt - startedAt, performance.now() - createdAt]
}

const [firstMs] = await measureCall()
const measured: (readonly [number, number])[] = []
for (let call = 0; call < calls; call++) measured.push(await measureCall())
const medianOf = (index: 0 | 1): number =>
  Math.round(measured.map((times) => times[index]).toSorted((a, b) => a - b)[calls / 2] ?? 0)
console.log(`first call: ${Math.round(firstMs)} ms`)
console.log(`each further call: ${medianOf(0)} ms, its disposal: ${medianOf(1)} ms (medians of ${calls})`)
