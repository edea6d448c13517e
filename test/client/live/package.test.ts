import { expect, test } from 'vitest'
import { measured, measureEntry } from '../../../client/build.ts'
import { runProgram } from '../support/program.ts'

test.for(Object.keys(measured))('tidings/%s stays as small as it says', async (name) => {
  expect(await measureEntry(name)).toBeLessThanOrEqual(measured[name]?.maxGzipBytes ?? 0)
})

test('importing the client opens nothing', async () => {
  expect(await runProgram('console.log(typeof createTidingsClient)')).toEqual({ code: 0, said: 'function\n' })
})

test('a program that waits for the server stays, and ends once it has disposed of its client', async () => {
  const output = await runProgram(`
    const client = createTidingsClient({ url: 'http://127.0.0.1:9/graphql', timing: { backoffMs: 1, maxBackoffMs: 5 } })
    client.connection.subscribe(() => {
      if (client.connection.getSnapshot().attempt !== 4) return
      console.log('still here')
      void client.dispose()
    })
  `)
  expect(output).toEqual({ code: 0, said: 'still here\n' })
})
