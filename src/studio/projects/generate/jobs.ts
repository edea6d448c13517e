/** The job of the project templates: executed by generation processes only. */

import type { FileInput } from '../project.ts'
import type { GenerateRequest } from './generator.ts'
import { writeTemplate } from './templates.ts'

/** Renders the files of a template; yields each of them. */
export async function* template(
  request: Pick<GenerateRequest, 'prompt' | 'template' | 'material'>,
): AsyncGenerator<FileInput, void, void> {
  yield* await writeTemplate(request)
}
