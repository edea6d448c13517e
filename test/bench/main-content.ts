// Prints what the built-in generator makes of documents, from everything and from the main content,
// to be judged by reading: node test/bench/main-content.ts FILE… [--count 6]
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { createExtractiveQuestions } from '../../src/studio/content/extractive/questions/questions.ts'
import { questionKinds } from '../../src/studio/content/question.ts'
import { defaultLimits } from '../../src/studio/documents/convert/conversion.ts'
import { convert } from '../../src/studio/documents/convert/convert.ts'
import { markMainContent } from '../../src/studio/documents/main-content/sections.ts'
import type { DocumentStructure } from '../../src/studio/documents/structure/structure.ts'
import { detectFormat } from '../../src/studio/documents/structure/structure-decode.ts'
import { outlineRoadmap } from '../../src/studio/roadmaps/outline.ts'
import { countWords } from '../../src/studio/text/text.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string', default: '6' } },
})

/** The document as generation reads it. */
function toMain(structure: DocumentStructure): DocumentStructure {
  return {
    ...structure,
    sections: structure.sections
      .filter(({ isMain }) => isMain !== false)
      .map(({ mainBody, ...section }) => ({ ...section, body: mainBody ?? section.body })),
    links: structure.links.filter(({ isMain }) => isMain !== false),
  }
}

async function print(name: string, structure: DocumentStructure): Promise<void> {
  const words = structure.sections.reduce((sum, { body }) => sum + countWords(body), 0)
  console.log(`\n## ${name}: ${structure.sections.length} sections, ${words} words`)
  const { stages } = outlineRoadmap(structure)
  const concepts = stages.flatMap(({ modules }) => modules.flatMap((module) => module.concepts))
  console.log(`${concepts.length} concepts: ${concepts.map(({ title }) => title).join(' | ')}`)
  const questions = createExtractiveQuestions().ask({
    ...structure,
    count: Number(values.count),
    kinds: questionKinds,
    avoid: [],
    seed: 1,
    signal: new AbortController().signal,
  })
  for await (const { prompt, answer, options, citation } of questions)
    console.log(`- [${citation.heading}] ${prompt} → ${answer} (${options.join(' / ')})`)
}

for (const path of positionals) {
  const bytes = await readFile(path)
  const request = { bytes, name: basename(path), limits: defaultLimits, format: detectFormat(path, bytes) }
  const whole = await convert(request, () => undefined)
  const marked = markMainContent(whole)
  console.log(`\n# ${basename(path)}\n${marked.notes.join('\n')}`)
  await print('everything', whole)
  await print('main content', toMain(marked))
}
