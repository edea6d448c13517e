import { readEnvironment } from './main/environment.ts'
import { run } from './main/run.ts'

await run({ args: process.argv.slice(2), environment: readEnvironment(), command: 'npm start' })
