/**
 * A server that says what its heap contains: `node heap-child.ts`. At SIGUSR2 it prints a line of JSON with the bytes that
 * remain after collections of the young generation, `minor`, and of the whole heap, `major`.
 */
import { heapUsed } from './heap.ts'

process.on('SIGUSR2', () => {
  void (async () => {
    const minor = await heapUsed('minor')
    console.log(JSON.stringify({ heap: { minor, major: await heapUsed() } }))
  })()
})
await import('../../src/main.ts')
