import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

/** The headless shell takes less than half the processor time of the others. */
const programs = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

let shared: Promise<Browser> | undefined

/**
 * Returns the browser of this test process, started on first use: its files share it, each page in
 * a separate context, and it ends with the process.
 */
export async function shareBrowser(): Promise<Browser> {
  if ((await shared)?.isConnected() !== true) shared = startBrowser()
  return shared as Promise<Browser>
}

/** Starts the browser installed on the machine. @throws Error with the command that installs one */
export async function startBrowser(): Promise<Browser> {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const executablePath = folders.flatMap((folder) => programs.map((name) => join(folder, name))).find(isExecutable)
  if (executablePath === undefined)
    throw new Error(
      'There is no browser for the tests; run: apt-get install -y --no-install-recommends chromium-headless-shell',
    )
  return chromium.launch({
    executablePath,
    // The sandbox is not available to root, and containers have little shared memory.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--force-color-profile=srgb'],
  })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Not here: the next folder may have it.
    return false
  }
}
