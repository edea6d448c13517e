import SchemaBuilder from '@pothos/core'
import { execute, parse } from 'graphql'
import { createTidings, defineTask, graphqlType, stage } from 'tidings'
import { TidingsPlugin } from 'tidings/pothos'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { silentLogger } from '../../src/logger.ts'

const place = graphqlType(z.tuple([z.number(), z.number()]), { name: 'Point' })
const locate = defineTask({
  kind: 'LOCATE',
  input: z.object({ name: z.string() }),
  result: z.object({ at: place, path: z.array(place) }),
  async *run() {
    yield stage('locating')
    return await Promise.resolve({ at: [1, 2] as [number, number], path: [] })
  },
})

function createBuilder(tidings: ReturnType<typeof createTidings>) {
  const builder = new SchemaBuilder<object>({ plugins: [TidingsPlugin], tidings: { instance: tidings } })
  builder.mutationType({ fields: (t) => ({ locate: t.startTask(locate) }) })
  return builder
}

test('a part of a result has a type of the team, by its name', () => {
  const builder = createBuilder(createTidings({ tasks: [locate], logger: silentLogger }))
  builder.objectRef<readonly [number, number]>('Point').implement({
    fields: (t) => ({ x: t.float({ resolve: ([x]) => x }), y: t.float({ resolve: ([, y]) => y }) }),
  })
  builder.queryType({
    fields: (t) => ({
      found: t.field({ type: 'LocateOutput' as never, resolve: () => ({ at: [1, 2], path: [[3, 4]] }) as never }),
    }),
  })
  const schema = builder.toSchema()
  expect(execute({ schema, document: parse('{ found { at { x y } path { x } } }') })).toEqual({
    data: { found: { at: { x: 1, y: 2 }, path: [{ x: 3 }] } },
  })
})

test('a type that the team does not have is refused with its name', async () => {
  await using tidings = createTidings({ tasks: [locate], logger: silentLogger })
  const builder = createBuilder(tidings)
  builder.queryType({})
  expect(() => builder.toSchema()).toThrow('graphqlType names the type Point, and the builder has no such type')
  await expect(tidings.listen({ port: 0, worker: false })).rejects.toThrow(
    'graphqlType names the type Point of a schema of yours: serve that schema',
  )
})
