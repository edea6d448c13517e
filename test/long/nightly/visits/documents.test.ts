import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { SignJWT } from 'jose'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shareBrowser } from '../../../e2e/support/browser.ts'
import { openPage, type WatchedPage } from '../../../e2e/support/page.ts'
import { startWebProxy } from '../../../e2e/support/web-proxy.ts'
import { startWorld, type World } from '../../../e2e/support/world.ts'
import { makeSamples } from '../../../fixtures/documents/make.ts'
import { createTestDirectory, type TestDirectory } from '../../../support/directory.ts'

const secret = 'a secret of the tests, long enough for HS256'
const samples = makeSamples()
const sample = (name: string): Buffer => {
  const found = samples.find((one) => one.name === name)
  if (found === undefined) throw new Error(`There is no sample "${name}"`)
  return found.bytes
}
/** A text of some megabytes that is converted quickly: one long code block. */
const large = Buffer.from(`# Numbers\n\nSome numbers.\n\n\`\`\`\n${randomBytes(3_000_000).toString('hex')}\n\`\`\`\n`)

/** A text of many short paragraphs, which takes a moment to convert. */
const long = Buffer.from(
  `# Long\n\n${Array.from({ length: 500 }, (_, part) => `## Part ${part}\n\n${'Some *words* of [it](#x).\n\n'.repeat(20)}`).join('')}`,
)

let browser: Browser
let world: World
let directory: TestDirectory
beforeAll(async () => {
  ;[browser, directory, world] = await Promise.all([
    shareBrowser(),
    createTestDirectory(),
    startWorld({ CONTENT_PROVIDER: 'extractive', JWT_SECRET: secret, MAX_UPLOAD_BYTES: '8000000' }),
  ])
})
afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
  await directory?.[Symbol.asyncDispose]()
})

const tokenOf = (userId: string): Promise<string> =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret))
/** Opens a page of a signed-in user. */
async function openAs(
  userId: string,
  path = '/?page=documents',
  options: Parameters<typeof openPage>[2] & { url?: string } = {},
): Promise<WatchedPage> {
  const { url = world.url, ...rest } = options
  const opened = await openPage(browser, `${url}/favicon.svg`, rest)
  await opened.page.context().exposeFunction('tidingsToken', () => tokenOf(userId))
  await opened.page.goto(`${url}${path}`)
  return opened
}
/** Chooses files for the upload. From the disk: contents would pass through the browser's debugging connection, slowly. */
async function choose(page: Page, files: readonly { readonly name: string; readonly buffer: Buffer }[]): Promise<void> {
  await Promise.all(files.map(({ name, buffer }) => writeFile(directory.join(name), buffer)))
  await page
    .getByRole('region', { name: 'Upload documents' })
    .locator('input[type=file]')
    .setInputFiles(files.map(({ name }) => directory.join(name)))
}
const documentsOf = async (userId: string): Promise<readonly { readonly id: string; readonly name: string }[]> => {
  const { documents } = await world.query<{ documents: { nodes: { id: string; name: string }[] } }>(
    '{ documents(first: 100) { nodes { id name } } }',
    {},
    await tokenOf(userId),
  )
  return documents.nodes
}
const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)

describe('documents in the Studio', () => {
  test('a file is uploaded, followed, opened automatically, found again, and permanently deleted', async () => {
    await using opened = await openAs('ada')
    const { page } = opened
    await choose(page, [{ name: 'bread.pdf', buffer: sample('bread.pdf') }])
    await page.waitForURL(/document=/)
    await page.getByRole('heading', { name: 'The Bread Book', level: 1 }).waitFor()
    await page.getByText('A picture was left out.').waitFor()
    const contents = page.getByRole('navigation', { name: 'Contents' })
    expect(await contents.getByRole('link').allTextContents()).toEqual(['Baking', 'Storing'])
    await expect
      .poll(() => page.locator('.page-mark').allTextContents())
      .toEqual(['Page 1', 'Page 2', 'Page 3', 'Page 4'])
    await page.getByRole('heading', { name: 'Storing', level: 2 }).waitFor()

    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Documents' }).click()
    await page.getByRole('searchbox').fill('cloth')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.locator('mark', { hasText: 'cloth' }).waitFor()
    await page.getByRole('link', { name: 'The Bread Book › Storing' }).click()
    await page.waitForURL(/document=.*#s-storing/)
    await page.locator('#s-storing').waitFor()

    await page.getByRole('button', { name: 'Delete The Bread Book' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click()
    await page.waitForURL(/page=documents/)
    await page.getByText('No documents yet. Upload one.').waitFor()
    expect(await documentsOf('ada')).toEqual([])
    expect(opened.errors).toEqual([])
  })

  test('upload progress is shown, and an interrupted upload is retried automatically, once', async () => {
    await using proxy = await startWebProxy(world.port)
    await using opened = await openAs('bea', undefined, { url: proxy.url })
    const { page } = opened
    // A browser itself retries twice on connections that it has used before.
    proxy.cutUploads = Number.POSITIVE_INFINITY
    await choose(page, [{ name: 'numbers.md', buffer: large }])
    await page.getByText('Interrupted. The upload resumes when the server is reachable.').waitFor()
    proxy.cutUploads = 0
    proxy.holdUploads = true
    const bar = page.getByRole('progressbar', { name: 'Sending numbers.md' })
    await page.getByText(/^Sending again, \d+ %$/).waitFor()
    const percent = async (): Promise<number> => Number(await bar.getAttribute('aria-valuenow').catch(() => 0))
    await expect.poll(percent).toBeGreaterThan(0)
    proxy.holdUploads = false
    await page.waitForURL(/document=/)
    await page.getByRole('heading', { name: 'Numbers', level: 1 }).waitFor()
    expect((await documentsOf('bea')).map(({ name }) => name)).toEqual(['numbers.md'])
    expect(opened.errors).toEqual([])
  })

  test('a file that is too large is refused with the limit, and a running upload can be canceled', async () => {
    await using proxy = await startWebProxy(world.port)
    await using opened = await openAs('cid', undefined, { url: proxy.url })
    const { page } = opened
    await choose(page, [{ name: 'huge.bin', buffer: Buffer.alloc(12_000_000, 'x') }])
    await page.getByRole('alert').getByText('at most 8000000 bytes are allowed').waitFor()
    await page.getByRole('button', { name: 'Dismiss: huge.bin' }).click()
    proxy.holdUploads = true
    await choose(page, [{ name: 'numbers.md', buffer: large }])
    await page.getByRole('button', { name: 'Cancel the upload of numbers.md' }).click()
    await page.getByRole('alert').getByText('The upload was canceled').waitFor()
    expect(await documentsOf('cid')).toEqual([])
    expect(opened.errors).toEqual([])
  })

  test('a file with a canceled conversion is converted after a retry', async () => {
    await using opened = await openAs('hal')
    const { page } = opened
    await choose(page, [{ name: 'long.md', buffer: long }])
    await page.getByRole('button', { name: 'Cancel: Converting long.md' }).click()
    const why = page.getByRole('alert', { name: 'Conversion error' })
    await why.getByText('CANCELED', { exact: true }).waitFor()
    await why.getByRole('button', { name: 'Retry' }).click()
    await page.getByRole('heading', { name: 'Long', level: 1 }).waitFor()
    await page.getByRole('heading', { name: 'Part 1', exact: true, level: 3 }).waitFor()
    expect(await why.count()).toBe(0)
    expect(opened.errors).toEqual([])
  })

  test('revoking a share removes the document from the reader’s page at once, and deleting it from the owner’s other page', async () => {
    const name = 'ws.md'
    const text = await readFile(new URL('../../../../node_modules/ws/README.md', import.meta.url), 'utf8')
    await world.query(
      'mutation ($text: String!, $name: String!) { importDocument(input: { source: { text: $text }, name: $name }) { __typename } }',
      { text, name },
      await tokenOf('dan'),
    )
    const [document] = await documentsOf('dan')
    const path = `/?document=${document?.id}`
    await using owner = await openAs('dan', path)
    await using other = await openAs('dan', path)
    await owner.page.getByRole('navigation', { name: 'Contents' }).waitFor()
    await owner.page.getByText('Share', { exact: true }).first().click()
    await owner.page.getByLabel('User’s id').fill('eve')
    await owner.page.getByRole('button', { name: 'Share', exact: true }).click()
    await owner.page.getByText('Shared with 1').waitFor()
    await other.page.getByText('Shared with 1').waitFor()

    await using reader = await openAs('eve', path)
    await reader.page.getByRole('navigation', { name: 'Contents' }).waitFor()
    await reader.page.getByText('shared by dan').waitFor()
    expect(await reader.page.getByRole('button', { name: /^Delete/ }).count()).toBe(0)
    await owner.page.getByRole('button', { name: 'Revoke: eve' }).click()
    await reader.page.getByRole('alert').getByText('FORBIDDEN').waitFor()
    await reader.page.getByText('You may no longer read this document').waitFor()
    expect(await reader.page.locator('.document-text').count()).toBe(0)

    await owner.page.getByRole('button', { name: /^Delete/ }).click()
    await owner.page.getByRole('button', { name: 'Delete for good' }).click()
    await other.page.getByText('This document was deleted').waitFor()
    for (const { errors } of [owner, other, reader]) expect(errors).toEqual([])
  })

  test('a bad file of each kind shows the problem and the advice', async () => {
    await using opened = await openAs('fay')
    const { page } = opened
    const all = samples.flatMap(({ name, bytes, code }) => (code === null ? [] : [{ name, buffer: bytes, code }]))
    // All of them are converted in test/long/documents/bad-files.test.ts.
    const bad = [...Map.groupBy(all, ({ code }) => code).values()].flatMap(([first]) => first ?? [])
    await choose(
      page,
      bad.map(({ name, buffer }) => ({ name, buffer })),
    )
    const list = page.getByRole('list', { name: 'Your documents' })
    for (const { name, code } of bad) {
      const row = list.getByRole('listitem').filter({ has: page.getByRole('link', { name, exact: true }) })
      await row.getByText(code, { exact: true }).waitFor()
    }
    await list.getByRole('link', { name: 'encrypted.pdf' }).click()
    const why = page.getByRole('alert', { name: 'Conversion error' })
    await why.getByText('The PDF is protected by a password').waitFor()
    await why.getByText('Save a copy without a password and import that file.').waitFor()
    expect(await why.getByRole('button').count()).toBe(0)
    expect(opened.errors).toEqual([])
  })

  test('a phone in dark mode shows list and text without horizontal scrolling', async () => {
    await using opened = await openAs('gus', undefined, {
      viewport: { width: 390, height: 844 },
      isMobile: true,
      hasTouch: true,
      colorScheme: 'dark',
    })
    const { page } = opened
    await page.getByText('No documents yet. Upload one.').waitFor()
    expect(await overflow(page)).toBeLessThanOrEqual(0)
    await choose(page, [{ name: 'page.html', buffer: sample('page.html') }])
    await page.getByRole('heading', { name: 'Bread', level: 1 }).waitFor()
    await page.getByRole('cell', { name: '500' }).waitFor()
    expect(await overflow(page)).toBeLessThanOrEqual(0)
    await page.goBack()
    await page.getByRole('link', { name: 'Bread' }).waitFor()
    expect(await overflow(page)).toBeLessThanOrEqual(0)
    expect(opened.errors).toEqual([])
  })
})
