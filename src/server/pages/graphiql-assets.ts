import { mkdir, readFile, writeFile } from 'node:fs/promises'

const names = ['js', 'css', 'editorWorkerService', 'jsonWorker', 'graphqlWorker'] as const
/** A part of GraphiQL. */
export type GraphiqlPart = (typeof names)[number]

const prebuilt = new URL('../../../dist/graphiql/', import.meta.url)

/** 9 MB of script in one module, so it is imported on demand. */
const importParts = (): Promise<Readonly<Record<GraphiqlPart, string>>> =>
  import('@graphql-yoga/render-graphiql/graphiql')

/**
 * Reads a part of GraphiQL: from its package, or, where optional packages are not installed, from
 * the output of {@link writeGraphiqlParts}.
 *
 * @throws Error when neither exists
 */
export async function readGraphiqlPart(name: GraphiqlPart): Promise<Buffer> {
  try {
    return Buffer.from((await importParts())[name])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    return await readFile(new URL(name, prebuilt)).catch((cause: unknown) => {
      throw new Error('GraphiQL is not installed: run npm run studio:build where optional packages are', { cause })
    })
  }
}

/** Writes the parts of GraphiQL into `dist/graphiql`, for installations without optional packages. */
export async function writeGraphiqlParts(): Promise<void> {
  const parts = await importParts()
  await mkdir(prebuilt, { recursive: true })
  for (const name of names) await writeFile(new URL(name, prebuilt), parts[name])
}
