import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { hangMs } from '../support/patience.ts'
import { startProcess } from '../support/processes.ts'
import { shareBrowser } from './support/browser.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('the page of examples/react starts tasks, and shows their typed results, errors and refusals', async () => {
  await using database = await createTestDatabase()
  const main = new URL('../../src/cli/main.ts', import.meta.url)
  const environment = { DATABASE_URL: database.url, NODE_OPTIONS: '', NODE_ENV: 'development' }
  await using child = startProcess(main, ['dev', '--port', '0'], environment, `${root}examples/react`)
  let url = ''
  while (url === '') url = /Page +(http:\S+)/.exec(await child.readLine())?.[1] ?? ''
  await child.readUntil('WebSocket')
  const browser = await shareBrowser()
  await using context = await browser.newContext()
  context.setDefaultTimeout(hangMs)
  const page = await context.newPage()
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text())
  })
  await page.goto(url)
  await page.getByRole('button', { name: 'Export 20 pages' }).click()
  await page.getByRole('link', { name: '20 pages' }).waitFor()
  expect(await page.getByRole('link').getAttribute('href')).toBe('https://files.example.com/report_1.pdf')
  await page.getByRole('button', { name: 'Export 200 pages' }).click()
  await page.getByText('Try again after 2030-01-01T00:00:00Z.').waitFor()
  await page.getByRole('button', { name: 'Export 2000 pages' }).click()
  await page.getByRole('alert').filter({ hasNotText: 'Try again' }).waitFor()
  expect(problems).toEqual([])
  child.kill('SIGTERM')
  expect(await child.ended).toBe(0)
})
