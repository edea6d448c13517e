import { run } from './main/run.ts'

await run({ args: process.argv.slice(2), environment: process.env, command: 'npm start' })
