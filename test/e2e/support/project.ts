import { readFile } from 'node:fs/promises'
import { vi } from 'vitest'
import type { World } from './world.ts'

/** A file of a project. */
export interface FileData {
  readonly path: string
  readonly content: string
}

/**
 * Imports a README of an installed package, and waits until it is readable.
 * @returns the document's id
 */
export async function importReadme(world: World, name: string): Promise<string> {
  const text = await readFile(new URL(`../../../node_modules/${name}/README.md`, import.meta.url), 'utf8')
  const { importDocument } = await world.query<{ importDocument: { document: { id: string }; task: { id: string } } }>(
    'mutation ($text: String!, $name: String!) { importDocument(input: { source: { text: $text }, name: $name }) { ... on ImportDocumentSuccess { document { id } task { id } } } }',
    { text, name: `${name}.md` },
  )
  await untilCompleted(world, importDocument.task.id)
  return importDocument.document.id
}

/**
 * Generates a project from a document, and replaces its files with the given ones.
 * @returns its id and its preview's address
 */
export async function makeProject(
  world: World,
  documentId: string,
  files?: readonly FileData[],
): Promise<{ readonly id: string; readonly address: string }> {
  const { generateProject } = await world.query<{ generateProject: { project: { id: string }; task: { id: string } } }>(
    'mutation ($id: ID!) { generateProject(input: { prompt: "flash cards", documentId: $id }) { ... on GenerateProjectSuccess { project { id } task { id } } } }',
    { id: documentId },
  )
  await untilCompleted(world, generateProject.task.id)
  const { id } = generateProject.project
  if (files !== undefined) {
    const { syncProject } = await world.query<{ syncProject: { task: { id: string } } }>(
      'mutation ($id: ID!, $files: [ProjectFileInput!]!) { syncProject(input: { projectId: $id, files: $files }) { ... on SyncProjectSuccess { task { id } } } }',
      { id, files },
    )
    await untilCompleted(world, syncProject.task.id)
  }
  const { project } = await world.query<{ project: { preview: { address: string } } }>(
    'query ($id: ID!) { project(id: $id) { preview { address } } }',
    { id },
  )
  return { id, address: project.preview.address }
}

/** Waits until a task is completed. */
export async function untilCompleted(world: World, id: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const { task } = await world.query<{ task: { status: string; error: { message: string } | null } }>(
        'query ($id: ID!) { task(id: $id) { status error { message } } }',
        { id },
      )
      if (task.status !== 'COMPLETED') throw new Error(`The task is ${task.status}: ${task.error?.message ?? ''}`)
    },
    { interval: 100 },
  )
}
