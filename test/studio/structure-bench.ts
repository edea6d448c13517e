// Measures how long reading a document blocks the event loop:
// `node test/studio/structure-bench.ts [FILE.md …]`. Prints, for 5 MB of Markdown and for
// pathological input, the CPU time of the whole and of the longest single step: wall-clock time
// depends more on what else the machine does.
import { readdirSync, readFileSync } from 'node:fs'
import { structureSteps } from '../../src/studio/documents/structure/structure.ts'

const files =
  process.argv.length > 2
    ? process.argv.slice(2)
    : readdirSync('node_modules').flatMap((name) => (name.startsWith('.') ? [] : [`node_modules/${name}/README.md`]))

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const real = files.map(readOrNothing).join('\n\n')
const n = 100_000
const inputs: Record<string, string> = {
  'real Markdown, 5 MB': real.repeat(Math.ceil(5_000_000 / real.length)).slice(0, 5_000_000),
  'number signs in a line': '#'.repeat(n),
  'number signs in lines': '#\n'.repeat(n),
  headings: '# a\n'.repeat(n),
  'quotes in a line': '>'.repeat(n),
  'quotes in lines': '> > > > > > > > a\n'.repeat(n / 10),
  'quotes with lazy lines': `${'> '.repeat(100)}a\n${'b\n'.repeat(n)}`,
  'lists in a line': '- '.repeat(n),
  'numbered lists in a line': '1. '.repeat(n),
  'lists in lists': Array.from({ length: 1_000 }, (_, depth) => `${' '.repeat(2 * depth)}- a`).join('\n'),
  'one list, 3 MB': '- an item of a list\n'.repeat(150_000),
  'one paragraph, 3 MB': 'a line of a paragraph\n'.repeat(136_000),
  'one line, 5 MB': 'a word '.repeat(714_000),
  'one table, 3 MB': `| a | b |\n|---|---|\n${'| *cell* | [cell](x) |\n'.repeat(136_000)}`,
  'open fence, 5 MB': `\`\`\`\n${'# no heading\n'.repeat(384_000)}`,
  'open brackets': '['.repeat(n),
  'open brackets in lines': '[a\n'.repeat(n),
  'open links': '[a](<b'.repeat(n),
  'emphasis in lines': '*a_\n'.repeat(n),
  'emphasis in a line': '*a **a _b '.repeat(n / 5),
  'one table row': `${'|a'.repeat(n)}\n${'|-'.repeat(n)}\n`,
  'code spans': Array.from({ length: 400 }, (_, length) => `e${'`'.repeat(length)}`).join(''),
  'open HTML': '<a '.repeat(n),
  'comments in lines': '<!-- a\n'.repeat(n),
  definitions: Array.from({ length: n }, (_, index) => `[l${index}]: http://a.b/${index}\n`).join(''),
  'definitions and uses': `${Array.from({ length: 20_000 }, (_, index) => `[l${index}]: http://a.b/${index}\n\n## h [l${index}]\n\n[l5]\n`).join('')}`,
  footnotes: '[^a]'.repeat(n),
  spaces: `${' '.repeat(n)}a`,
  'empty lines': `a${'\n'.repeat(5_000_000)}b`,
  addresses: 'www.a.b a@b.c http://a.b '.repeat(n / 4),
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

for (const [name, text] of Object.entries(inputs)) {
  const begin = cpuMs()
  let longestMs = 0
  let outcome = ''
  try {
    const steps = structureSteps({ text, format: 'MARKDOWN' })
    for (let isDone = false; !isDone; ) {
      const from = cpuMs()
      const step = await steps.next()
      longestMs = Math.max(longestMs, cpuMs() - from)
      isDone = step.done === true
      if (step.done === true) outcome = `${step.value.sections.length} sections, ${step.value.links.length} links`
    }
  } catch (error) {
    outcome = String(error)
  }
  const whole = (cpuMs() - begin).toFixed(0).padStart(6)
  console.log(`${name.padEnd(26)} ${whole} ms, longest step ${longestMs.toFixed(0).padStart(4)} ms, ${outcome}`)
}
