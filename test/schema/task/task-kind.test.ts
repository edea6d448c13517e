import { isEnumType, printSchema } from 'graphql'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { addCoreTypes, createBuilder } from '../../../schema/index.ts'
import { schema as studioSchema } from '../../../schema/studio/index.ts'
import { stage } from '../../../src/tasks/model/report.ts'
import { createTaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { localDeveloper } from '../../../src/tasks/model/viewer.ts'
import { startApi } from '../../support/api.ts'

test('serves a stored kind that the schema does not have as UNKNOWN, with its name', async () => {
  const removed = createTaskDefinition({
    kind: 'REMOVED_KIND',
    input: z.object({}),
    async *run() {
      yield stage('working')
      return await Promise.resolve({ type: 'Removed' })
    },
  })
  await using api = await startApi({}, [removed])
  const { task } = await api.engine.tasks.start({ kind: 'REMOVED_KIND', input: {}, owner: localDeveloper.userId })
  await api.history(task)
  await api.importText('A text.')
  const list = 'query ($kind: [TaskKind!]) { tasks(kind: $kind) { nodes { kind kindName result { __typename } } } }'
  const unknown = { kind: 'UNKNOWN', kindName: 'REMOVED_KIND', result: null }
  const convert = {
    kind: 'CONVERT_DOCUMENT',
    kindName: 'CONVERT_DOCUMENT',
    result: { __typename: 'DocumentConverted' },
  }
  expect(await api.run(list)).toEqual({ tasks: { nodes: [convert, unknown] } })
  expect(await api.run(list, { kind: ['UNKNOWN'] })).toEqual({ tasks: { nodes: [unknown] } })
  expect(await api.run(list, { kind: ['CONVERT_DOCUMENT'] })).toEqual({ tasks: { nodes: [convert] } })
})

test('a process can have several schemas: one of the engine alone has no type of an application', () => {
  const core = createBuilder()
  addCoreTypes(core)
  const coreSchema = core.toSchema()
  const kind = coreSchema.getType('TaskKind')
  expect(isEnumType(kind) && kind.getValues().map(({ name }) => name)).toEqual(['UNKNOWN'])
  expect(Object.keys(studioSchema.getTypeMap())).toEqual(expect.arrayContaining(Object.keys(coreSchema.getTypeMap())))
  expect(printSchema(coreSchema)).not.toMatch(/roadmap|quiz|document\b|project|session|concept|union TaskResult/i)
})
