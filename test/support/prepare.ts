/**
 * Runs before the tests: ensures that the programs exist that npm cannot install. A missing program
 * is installed where that is possible without asking (as root, with apt), and is otherwise a
 * failure with the command to run.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

interface Need {
  readonly reason: string
  /** Any one of these is enough. */
  readonly programs: readonly string[]
  readonly aptPackage: string
  /** The package to install where `aptPackage` does not exist. */
  readonly otherwise?: string
}

const needed: readonly Need[] = [
  { reason: 'the bus between processes', programs: ['redis-server'], aptPackage: 'redis-server' },
  {
    reason: 'pages in a browser',
    programs: ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    // Smaller and faster; Debian has it, Ubuntu does not.
    aptPackage: 'chromium-headless-shell',
    otherwise: 'chromium',
  },
  { reason: 'what stands in front of several servers', programs: ['nginx'], aptPackage: 'nginx' },
  { reason: 'pools of transactions', programs: ['pgbouncer'], aptPackage: 'pgbouncer' },
]

const missing = needed.filter(({ programs }) => !programs.some(isInstalled))
if (missing.length > 0) install()

function install(): void {
  const names = missing.map(({ aptPackage }) => aptPackage).join(' ')
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) {
    const reasons = missing.map(({ aptPackage, reason }) => `${aptPackage} (${reason})`).join(' and ')
    const command = isInstalled('brew')
      ? `brew install ${names.replace('redis-server', 'redis').replace('chromium-headless-shell', '--cask chromium')}`
      : `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${names}`
    console.error(`The tests need ${reasons}; run: ${command}`)
    process.exit(1)
  }
  console.log(`Installing ${names} with apt-get, which the tests need`)
  // An update may fail for an unrelated source; the installation shows whether the packages are
  // available.
  const update = run(['update', '-qq'])
  const packages = missing.map(({ aptPackage, otherwise }) =>
    otherwise === undefined || hasCandidate(aptPackage) ? aptPackage : otherwise,
  )
  const { status, output } = run(['install', '-y', '-qq', '--no-install-recommends', ...packages])
  if (status !== 0) {
    console.error(`apt-get could not install ${names}:\n${update.output}${output}`)
    process.exit(1)
  }
  const still = missing.filter(({ programs }) => !programs.some(isInstalled))
  if (still.length === 0) return
  // As on Ubuntu, whose package only points to a snap.
  console.error(
    `apt-get installed no ${still.map(({ programs }) => programs.join(' or ')).join(', no ')}; install it by hand`,
  )
  process.exit(1)
}

function run(args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync('apt-get', args, {
    encoding: 'utf8',
    // No prompt may appear, and no service may be started: each test starts its own server.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  })
  return { status, output: `${stdout}${stderr}${error?.message ?? ''}` }
}

/** Whether apt has an installable version of a package. */
function hasCandidate(name: string): boolean {
  const { stdout } = spawnSync('apt-cache', ['policy', name], { encoding: 'utf8' })
  return /Candidate: (?!\(none\))/.test(stdout)
}

function isInstalled(program: string): boolean {
  // Debian installs administration programs outside the path of ordinary users.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
