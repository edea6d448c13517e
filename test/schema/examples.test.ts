import { parse, validate } from 'graphql'
import { expect, it } from 'vitest'
import { readExamples } from '../../schema/examples.ts'
import { schema } from '../../schema/index.ts'

it('prepares operations that the schema accepts', async () => {
  const now = new Date()
  // Readers that know one roadmap; what is tested is the text of the operations against the real schema.
  const examples = await readExamples(
    {
      engine: { store: { list: () => Promise.resolve([{ id: 'task_1' }]) } },
      roadmaps: {
        list: () => Promise.resolve([{ id: 'roadmap_1', owner: 'o', documentId: null, title: 't', createdAt: now }]),
        conceptsOf: () => Promise.resolve([[{ id: 'concept_1' }]]),
      },
    } as unknown as Parameters<typeof readExamples>[0],
    'o',
  )
  expect(examples).toHaveLength(4)
  for (const { query } of examples) expect(validate(schema, parse(query))).toEqual([])
})
