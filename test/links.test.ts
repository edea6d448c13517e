import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import GithubSlugger from 'github-slugger'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const documents = [
  ...(await readdir(root)),
  ...(await readdir(join(root, 'docs'), { recursive: true })).map((path) => `docs/${path}`),
].filter((path) => path.endsWith('.md'))

/** Returns the text without blocks of code, whose lines may begin as headings and links do. */
async function readProse(path: string): Promise<string> {
  return (await readFile(join(root, path), 'utf8')).replaceAll(/^(```|~~~)[\s\S]*?^\1$/gm, '')
}

/** Returns the anchors that GitHub gives the headings of a document, and those that it sets itself. */
async function anchorsOf(path: string): Promise<ReadonlySet<string>> {
  const slugger = new GithubSlugger()
  const text = await readProse(path)
  const headings = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    slugger.slug(heading.replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1')),
  )
  return new Set([...headings, ...[...text.matchAll(/ (?:id|name)="([^"]+)"/g)].map(([, id = '']) => id)])
}

test.each(documents)(
  'every link of %s within the repository leads to a file and a heading that exist',
  async (path) => {
    const broken: string[] = []
    for (const [, target = ''] of (await readProse(path)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target) || target.startsWith('/')) continue
      const [file = '', anchor] = decodeURI(target).split('#')
      const linked = file === '' ? path : relative(root, join(root, dirname(path), file))
      const exists = await stat(join(root, linked)).then(
        () => true,
        () => false,
      )
      if (!exists || (anchor !== undefined && linked.endsWith('.md') && !(await anchorsOf(linked)).has(anchor)))
        broken.push(target)
    }
    expect(broken).toEqual([])
  },
)
