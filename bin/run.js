/**
 * Runs a TypeScript file of this project: `node bin/run.js FILE.ts [argument…]`.
 *
 * Node strips types from version 24 on. An older Node runs the file with the Node that npm installed as the package `node`;
 * without that package (installed with --ignore-scripts, by pnpm or by bun) it prints what to do and exits with code 1.
 *
 * Plain JavaScript without newer syntax, so that every Node that may be on a machine can read it.
 */
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const minMajor = 24
const checkParentMs = 250

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [file, ...args] = process.argv.slice(2)

if (file === undefined || !existsSync(file))
  fail(file === undefined ? 'Usage: node bin/run.js FILE.ts [argument…]' : `The file ${file} does not exist`)
else if (Number.parseInt(process.versions.node, 10) >= minMajor) {
  const path = realpathSync(resolve(file))
  process.argv.splice(1, 2, path)
  await import(pathToFileURL(path).href)
} else {
  const packaged = ['node', 'node.exe'].map((name) => join(root, 'node_modules/node/bin', name)).find(existsSync)
  if (packaged === undefined) fail(describeMissingNode())
  else runWith(packaged)
}

/**
 * Runs the file with another Node and exits as it exits. Forwards signals and the end of the
 * parent.
 */
function runWith(node) {
  const child = spawn(node, [...process.execArgv, file, ...args], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  if (process.env['npm_lifecycle_event'] !== undefined) {
    // npm stops its shell, which forwards nothing; the child would only see that this process still
    // exists.
    const parent = process.ppid
    setInterval(() => {
      if (process.ppid !== parent) child.kill('SIGTERM')
    }, checkParentMs).unref()
  }
  child.once('error', (error) => fail(`${node} does not run (${error.message}); install Node ${minMajor} or newer`))
  child.once('exit', (code, signal) => {
    process.exit(code ?? 128 + constants.signals[signal])
  })
}

function describeMissingNode() {
  return `Tidings needs Node ${minMajor} or newer; this is Node ${process.versions.node}.
npm installs a fitting Node as the package "node", and its install script has not run. Do one of these:
  - allow that script: npm rebuild --ignore-scripts=false node (pnpm: pnpm approve-builds; bun: bun pm trust node)
  - install Node ${minMajor} or newer from https://nodejs.org, and start again`
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}
