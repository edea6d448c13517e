// Measures how many questions real documents yield, how long that takes, and how long it blocks
// other work: `node test/studio/content/questions-bench.ts [FILE.md …]`; without files, READMEs of
// installed packages.
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createExtractiveQuestions } from '../../../src/studio/content/extractive/questions/questions.ts'
import { questionKinds } from '../../../src/studio/content/question.ts'
import { readStructure } from '../read-structure.ts'

const readmes = ['ws/README.md', 'zod/README.md', 'unified/readme.md', 'dataloader/README.md', 'ioredis/README.md']
const paths = process.argv.length > 2 ? process.argv.slice(2) : readmes.map((name) => `node_modules/${name}`)

/** Requests up to 50 questions from a new provider, so that nothing was read before. */
async function measure(path: string): Promise<string> {
  const structure = readStructure({ bytes: readFileSync(path), format: 'MARKDOWN' })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const startedAt = performance.now()
  let firstMs = 0
  let tenthMs = 0
  let count = 0
  delay.enable()
  const questions = createExtractiveQuestions().ask({
    ...structure,
    count: 50,
    kinds: questionKinds,
    avoid: [],
    seed: 1,
    signal: new AbortController().signal,
  })
  for await (const _ of questions) {
    count += 1
    if (count === 1) firstMs = performance.now() - startedAt
    if (count === 10) tenthMs = performance.now() - startedAt
  }
  delay.disable()
  const ms = (value: number): string => `${Math.round(value)} ms`
  return [
    path.padEnd(34),
    `${structure.wordCount} words`.padStart(12),
    `${count} of 50`.padStart(9),
    `first ${ms(firstMs)}`.padStart(15),
    `tenth ${ms(tenthMs)}`.padStart(15),
    `all ${ms(performance.now() - startedAt)}`.padStart(14),
    `longest step ${ms(delay.max / 1e6)}`.padStart(22),
  ].join('  ')
}

// The dictionary is loaded and warmed up first: a server pays for that once.
await measure(paths[0] ?? 'README.md')
for (const path of paths) process.stdout.write(`${await measure(path)}\n`)
