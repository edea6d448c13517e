#!/usr/bin/env node
/** The command `tidings` of the package. */

const minMajor = 24

if (Number.parseInt(process.versions.node, 10) < minMajor) {
  process.stderr.write(`tidings needs Node ${minMajor} or newer; this is Node ${process.versions.node}\n`)
  process.exitCode = 1
} else {
  // Imported late: an older Node cannot read its syntax.
  const { runCommand } = await import('./run-command.ts')
  await runCommand(process.argv.slice(2))
}
