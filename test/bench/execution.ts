/**
 * Compares the cost of executing and serializing one event: `node test/bench/execution.ts`.
 *
 * Processor time per event of the benchmark's document, by graphql-js, by our compiled execution,
 * and by graphql-jit when that is installed (`npm i --no-save graphql-jit@0.8.9`).
 */
import { type DocumentNode, execute, type GraphQLSchema, getOperationAST, getVariableValues, parse } from 'graphql'
import { schema } from '../../schema/studio/index.ts'
import { toEventSource } from '../../schema/task/task-event.ts'
import { compileExecution } from '../../src/live/execute/compile.ts'
import { eventPayload, query } from './protocol.ts'

interface Jit {
  compileQuery(
    schema: GraphQLSchema,
    document: DocumentNode,
  ): { query(root: unknown, context: unknown, variables: object): unknown }
}

const document = parse(query)
const operation = getOperationAST(document)
const root = schema.getSubscriptionType()
if (!operation || !root) throw new Error('The benchmark’s document has no subscription')
const variableValues = { taskId: 't' }
const variables = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues).coerced ?? {}
const compile = () => compileExecution({ schema, fragments: {}, variables }, operation, root)
const events = Array.from({ length: 64 }, (_, index) => {
  const place = { seq: index + 1, at: new Date().toISOString(), cursor: `e-${index + 1}-t` }
  const payload = { ...eventPayload(index) }
  return toEventSource({ topic: 'task:t', type: 'TaskAdvanced', payload, ...place }, 't', place)
})

const compiled = compile()
const ways: Record<string, (event: unknown) => unknown> = {
  'graphql-js': (rootValue) =>
    JSON.stringify(execute({ schema, document, rootValue, contextValue: {}, variableValues })),
  compiled: (event) => compiled(event, {}),
}
const compilers: Record<string, () => unknown> = { compiled: () => compile()(events[0], {}) }
const name = 'graphql-jit'
try {
  const jit = (await import(name)) as Jit
  const jitted = jit.compileQuery(schema, document)
  ways[name] = (event) => JSON.stringify(jitted.query(event, {}, variableValues))
  compilers[name] = () => jit.compileQuery(schema, document)
} catch {
  console.log('graphql-jit is not installed, so it is not compared')
}

const costOf = (count: number, run: (index: number) => unknown): number => {
  const before = process.cpuUsage()
  for (let index = 0; index < count; index++) run(index)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}
for (let round = 0; round < 4; round++)
  for (const [way, run] of Object.entries(ways)) {
    const cost = costOf(100_000, (index) => run(events[index % events.length]))
    // The first round compiles the code.
    if (round > 0) console.log(`${way}: ${cost.toFixed(2)} µs an event`)
  }
for (const [way, run] of Object.entries(compilers))
  console.log(`${way}: ${(costOf(100, run) / 1_000).toFixed(2)} ms to compile`)
