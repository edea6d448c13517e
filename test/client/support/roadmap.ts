import { gql } from '@urql/core'
import type { Site } from './site.ts'

/** Imports a text, generates a roadmap of it and waits for the end. @returns its first concept */
export async function makeConcept(site: Site): Promise<{ readonly conceptId: string; readonly roadmapId: string }> {
  const end = async (id: string): Promise<void> => {
    await site.engine.history({ id, kind: (await site.engine.get({ id })).kind })
  }
  const text =
    '# Rivers\n\nAll about rivers.\n\n## Sources\n\nA river begins at its source.\n\n## Mouths\n\nIt ends in the sea.\n'
  const { importDocument } = await site.ask<{ importDocument: { document: { id: string }; task: { id: string } } }>(
    'mutation ($text: String!) { importDocument(input: { source: { text: $text }, name: "rivers.md" }) { ... on ImportDocumentSuccess { document { id } task { id } } } }',
    { text },
  )
  await end(importDocument.task.id)
  const { createRoadmap } = await site.ask<{ createRoadmap: { roadmap: { id: string }; task: { id: string } } }>(
    'mutation ($id: ID!) { createRoadmap(input: { documentId: $id }) { ... on CreateRoadmapSuccess { roadmap { id } task { id } } } }',
    { id: importDocument.document.id },
  )
  await end(createRoadmap.task.id)
  const { roadmap } = await site.ask<{ roadmap: { stages: { modules: { concepts: { id: string }[] }[] }[] } }>(
    'query ($id: ID!) { roadmap(id: $id) { stages { modules { concepts { id } } } } }',
    { id: createRoadmap.roadmap.id },
  )
  const conceptId = roadmap.stages[0]?.modules[0]?.concepts[0]?.id
  if (conceptId === undefined) throw new Error('The roadmap has no concepts')
  return { conceptId, roadmapId: createRoadmap.roadmap.id }
}

/** A concept with the state of its pieces. */
export const conceptQuery = gql<
  {
    readonly node: {
      readonly id: string
      readonly quiz: { readonly status: string; readonly body: string | null }
    } | null
  },
  { readonly id: string }
>(
  `query ($id: ID!) { node(id: $id) { id ... on Concept { quiz { piece status body error { code } } tutorial { piece status body error { code } } } } }`,
)

/** Generates a piece again. */
export const retryMutation = gql<
  {
    readonly retryContent: {
      readonly __typename: string
      readonly message?: string
      readonly task?: { readonly id: string; readonly status: string }
    }
  },
  { readonly input: { readonly conceptId: string; readonly piece: string; readonly idempotencyKey?: string } }
>(
  `mutation ($input: RetryContentInput!) { retryContent(input: $input) { __typename ... on RetryContentSuccess { task { id status progress { percent } } concept { id quiz { piece status body error { code } } } } ... on Error { message } } }`,
)
