import type { ExecutionResult } from 'graphql'
import { expect, test, vi } from 'vitest'
import { createPayload, createPayloadBatch } from '../../src/live/deliver/frames.ts'
import { createStreamSink, serialisedOf } from '../../src/live/deliver/stream-sink.ts'

const payloadOf = (value: unknown) => createPayload(JSON.stringify({ data: value }))
const operationId = Buffer.alloc(0)
const dataOf = (step: IteratorResult<ExecutionResult, undefined>) => (step.done === true ? step : step.value.data)

test('yields payloads in order as results with known text, then completes', async () => {
  const { sink, next, end } = createStreamSink({
    budgetBytes: 100_000,
    patienceMs: 1_000,
    sent: { payloads: 0, bytes: 0 },
    giveUp: () => undefined,
  })
  const first = next()
  sink.write(createPayloadBatch([1, 2, 3].map(payloadOf)), operationId)
  end()
  sink.write(createPayloadBatch([payloadOf(4)]), operationId)
  const step = await first
  expect(step.done === true ? undefined : serialisedOf(step.value)).toBe('{"data":1}')
  expect(dataOf(await next())).toBe(2)
  expect(dataOf(await next())).toBe(3)
  expect(await next()).toEqual({ done: true, value: undefined })
})

test('fails after the buffered payloads', async () => {
  const { sink, next, end } = createStreamSink({
    budgetBytes: 100_000,
    patienceMs: 1_000,
    sent: { payloads: 0, bytes: 0 },
    giveUp: () => undefined,
  })
  sink.write(createPayloadBatch([payloadOf(1)]), operationId)
  end({ error: new Error('away') })
  expect(dataOf(await next())).toBe(1)
  await expect(next()).rejects.toThrow('away')
})

test('is full when nothing is pulled, notifies when all is pulled, and drops a reader that never pulls', async () => {
  let givenUp = 0
  const giveUp = () => {
    givenUp++
  }
  const { sink, next } = createStreamSink({
    budgetBytes: 80_000,
    patienceMs: 50,
    sent: { payloads: 0, bytes: 0 },
    giveUp,
  })
  const batch = createPayloadBatch([payloadOf('x'.repeat(4_000))])
  let written = 0
  while (!sink.isFull(batch.bytes)) {
    sink.write(batch, operationId)
    written++
  }
  expect(written * batch.bytes).toBeLessThanOrEqual(10_000)
  let isDrained = false
  sink.drained(() => {
    isDrained = true
  })
  for (let i = 0; i < written; i++) await next()
  expect(isDrained).toBe(true)
  while (!sink.isFull(batch.bytes)) sink.write(batch, operationId)
  sink.drained(() => undefined)
  await vi.waitFor(() => expect(givenUp).toBe(1))
})
